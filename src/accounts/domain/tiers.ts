import { type NanoCredits, ZERO } from '../../kernel/credits.js';
import type { AccountOpened, Tier } from './accounts.events.js';

/** What a tier means. An operator may configure other rates and other welcome credits. */
export interface TierPolicy {
  /** 0: no limit. */
  readonly requestsPerMinute: number;
  /** Granted as a promotion when an account is opened. */
  readonly welcomeCredits: NanoCredits;
  /**
   * none: nothing is reserved that the lots do not cover, and a cost beyond what was reserved blocks the account until it is
   * repaid. No tier may overdraw: who is to spend before paying is granted credits, which then can be seen and disputed.
   */
  readonly overdraftPolicy: AccountOpened['data']['overdraftPolicy'];
}

export const TIER_POLICIES: Readonly<Record<Tier, TierPolicy>> = {
  free: { requestsPerMinute: 60, welcomeCredits: ZERO, overdraftPolicy: 'none' },
  premium: { requestsPerMinute: 600, welcomeCredits: ZERO, overdraftPolicy: 'none' },
  enterprise: { requestsPerMinute: 0, welcomeCredits: ZERO, overdraftPolicy: 'none' },
  internal: { requestsPerMinute: 0, welcomeCredits: ZERO, overdraftPolicy: 'none' },
};
