import { nanoToText } from '../../kernel/credits.js';
import { accept, type Decision } from '../../kernel/decider.js';
import type { Instant } from '../../kernel/time.js';
import type { Account } from './account.js';
import type { CreditsExpired } from './accounts.events.js';
import { freeOf, isExpired } from './burn-down.js';

export interface ExpireCredits {
  readonly type: 'ExpireCredits';
}

/** Writes down what has expired of every lot by now. What a reservation holds stays pinned until it ends, and what
 * a dispute has frozen until that ends. */
export function expireCredits(_command: ExpireCredits, account: Account, at: Instant): Decision<CreditsExpired, never> {
  const expired = [...account.lots.values()].filter((lot) => isExpired(lot, at) && freeOf(lot) > 0n);
  return accept(
    ...expired.map(
      (lot): CreditsExpired => ({ type: 'CreditsExpired', data: { lotId: lot.lotId, amount: nanoToText(freeOf(lot)) } }),
    ),
  );
}
