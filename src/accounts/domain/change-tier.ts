import { accept, type Decision } from '../../kernel/decider.js';
import type { Account } from './account.js';
import type { Tier, TierChanged } from './accounts.events.js';

export interface ChangeTier {
  readonly type: 'ChangeTier';
  readonly tier: Tier;
}

/** Moves an account to another tier, from the next request on. Credits and keys stay as they are. */
export function changeTier(command: ChangeTier, account: Account): Decision<TierChanged, never> {
  if (account.tier === command.tier) return accept();
  return accept({ type: 'TierChanged', data: { from: account.tier, to: command.tier } });
}
