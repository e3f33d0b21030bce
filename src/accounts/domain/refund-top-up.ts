import { least, type NanoCredits, nano, nanoToText, ZERO } from '../../kernel/credits.js';
import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { Instant } from '../../kernel/time.js';
import { type Account, grantOfPayment, takenBack } from './account.js';
import type { TopUpRefunded } from './accounts.events.js';
import { freeOf, isExpired } from './burn-down.js';

export interface RefundTopUp {
  readonly type: 'RefundTopUp';
  readonly refundId: string;
  readonly paymentId: string;
  /** Credits; undefined: all that is unused. */
  readonly amount: NanoCredits | undefined;
}

export type PaymentNotFound = { readonly reason: 'payment_not_found'; readonly paymentId: string };
export type RefundTopUpRejection =
  | PaymentNotFound
  | { readonly reason: 'refund_conflict'; readonly refundId: string }
  | { readonly reason: 'refund_exceeds_unused'; readonly unused: NanoCredits }
  | { readonly reason: 'account_owes'; readonly owed: NanoCredits };

const NANO_PER_CREDIT = 1_000_000_000n;

/**
 * Takes unused credits of a payment out, for their price to be paid back. What is held, frozen or expired is not unused, and who
 * owes is not paid. The same refund twice is one.
 */
export function refundTopUp(
  { refundId, paymentId, amount: asked }: RefundTopUp,
  account: Account,
  at: Instant,
): Decision<TopUpRefunded, RefundTopUpRejection> {
  const earlier = account.cashRefunds.get(refundId);
  if (earlier) {
    const same = earlier.paymentId === paymentId && (asked === undefined || earlier.amount === nanoToText(asked));
    return same ? accept() : reject({ reason: 'refund_conflict', refundId });
  }
  const grant = grantOfPayment(account, paymentId);
  if (!grant) return reject({ reason: 'payment_not_found', paymentId });
  if (account.receivable > 0n) return reject({ reason: 'account_owes', owed: account.receivable });
  const lot = account.lots.get(grant.lotId);
  // A lot may hold more than was paid for (an adjustment), or hold again what a dispute took back (a refund): no money is paid for it.
  const ownMoney = nano(BigInt(grant.amount) - takenBack(account, paymentId));
  const unused = lot && !isExpired(lot, at) ? least(freeOf(lot), ownMoney) : ZERO;
  const amount = asked ?? unused;
  if (amount === 0n || amount > unused) return reject({ reason: 'refund_exceeds_unused', unused });
  const cash = (amount * BigInt(grant.costBasis)) / NANO_PER_CREDIT;
  const { lotId, currency } = grant;
  return accept({
    type: 'TopUpRefunded',
    data: { refundId, paymentId, lotId, amount: nanoToText(amount), cash: cash.toString(), currency },
  });
}
