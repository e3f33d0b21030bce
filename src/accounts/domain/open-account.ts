import type { NanoCredits } from '../../kernel/credits.js';
import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { AccountId } from '../../kernel/ids.js';
import type { Instant } from '../../kernel/time.js';
import { type Account, isOpen } from './account.js';
import type { AccountOpened, CreditsGranted, Tier } from './accounts.events.js';
import { givenCredits } from './grant-credits.js';
import { TIER_POLICIES } from './tiers.js';

export interface OpenAccount {
  readonly type: 'OpenAccount';
  readonly accountId: AccountId;
  readonly username: string;
  readonly tier: Tier;
  /** Instead of the tier's own. */
  readonly welcomeCredits?: NanoCredits;
}

export type OpenAccountRejection = { readonly reason: 'account_exists'; readonly accountId: AccountId };

/** Opens an account, with its tier's welcome credits. The same account twice is one; another one under its id is a conflict. */
export function openAccount(
  command: OpenAccount,
  account: Account,
  at: Instant,
): Decision<AccountOpened | CreditsGranted, OpenAccountRejection> {
  if (isOpen(account)) {
    const same = account.username === command.username && account.openedTier === command.tier;
    return same ? accept() : reject({ reason: 'account_exists', accountId: command.accountId });
  }
  const { accountId, username, tier } = command;
  const { overdraftPolicy, welcomeCredits } = TIER_POLICIES[tier];
  const opened: AccountOpened = {
    type: 'AccountOpened',
    data: { accountId, username, tier, burnDownOrder: 'mcphub@1', overdraftPolicy },
  };
  const welcome = command.welcomeCredits ?? welcomeCredits;
  return welcome === 0n
    ? accept(opened)
    : accept<AccountOpened | CreditsGranted>(opened, givenCredits(account, 'welcome', 'promo', welcome, at));
}
