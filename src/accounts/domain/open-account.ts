import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { AccountId } from '../../kernel/ids.js';
import { type Account, isOpen } from './account.js';
import type { AccountOpened, Tier } from './accounts.events.js';

export interface OpenAccount {
  readonly type: 'OpenAccount';
  readonly accountId: AccountId;
  readonly username: string;
  readonly tier: Tier;
}

export type OpenAccountRejection = { readonly reason: 'account_exists'; readonly accountId: AccountId };

/** Opens an account. The same account twice is one; another account under the same id is a conflict. */
export function openAccount(command: OpenAccount, account: Account): Decision<AccountOpened, OpenAccountRejection> {
  if (isOpen(account)) {
    const same = account.username === command.username && account.tier === command.tier;
    return same ? accept() : reject({ reason: 'account_exists', accountId: command.accountId });
  }
  return accept({
    type: 'AccountOpened',
    data: {
      accountId: command.accountId,
      username: command.username,
      tier: command.tier,
      burnDownOrder: 'mcphub@1',
      overdraftPolicy: 'none',
    },
  });
}
