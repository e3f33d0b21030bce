import { least, type NanoCredits, nano, nanoFromText, nanoToText, ZERO } from '../../kernel/credits.js';
import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { Instant } from '../../kernel/time.js';
import { type Account, type Dispute, grantOfPayment, takenBack } from './account.js';
import type { CreditsClawedBack, CreditsExpired, LotAmount, LotsFrozen, LotsUnfrozen } from './accounts.events.js';
import { freeOf, isExpired } from './burn-down.js';
import type { PaymentNotFound } from './refund-top-up.js';
import { consequencesOfReturns } from './returned-credits.js';

/** A payment is disputed. */
export interface FreezeLots {
  readonly type: 'FreezeLots';
  readonly disputeId: string;
  readonly paymentId: string;
  /** Credits; undefined: the whole payment, less what of it was refunded in cash. */
  readonly amount: NanoCredits | undefined;
}

/** The dispute was won. */
export interface UnfreezeLots {
  readonly type: 'UnfreezeLots';
  readonly disputeId: string;
}

/** The dispute was lost. */
export interface ClawBackCredits {
  readonly type: 'ClawBackCredits';
  readonly disputeId: string;
}

export type FreezeLotsRejection =
  | PaymentNotFound
  | { readonly reason: 'dispute_conflict'; readonly disputeId: string }
  | { readonly reason: 'dispute_exceeds_payment'; readonly disputable: NanoCredits };
export type EndDisputeRejection =
  | { readonly reason: 'dispute_not_found'; readonly disputeId: string }
  | { readonly reason: 'dispute_ended'; readonly disputeId: string; readonly as: 'won' | 'lost' };

/**
 * Freezes what is left of a disputed payment's credits. What open reservations hold of them may still settle; what comes back is
 * frozen then. The same dispute twice is one.
 */
export function freezeLots(
  { disputeId, paymentId, amount }: FreezeLots,
  account: Account,
  at: Instant,
): Decision<LotsFrozen, FreezeLotsRejection> {
  const earlier = account.disputes.get(disputeId);
  if (earlier) {
    const same = earlier.paymentId === paymentId && (amount === undefined || earlier.claimed === amount);
    return same ? accept() : reject({ reason: 'dispute_conflict', disputeId });
  }
  const grant = grantOfPayment(account, paymentId);
  const most = disputable(account, paymentId);
  if (!grant || most === undefined) return reject({ reason: 'payment_not_found', paymentId });
  const claimed = amount ?? most;
  if (claimed === 0n || claimed > most) return reject({ reason: 'dispute_exceeds_payment', disputable: most });
  const lot = account.lots.get(grant.lotId);
  const frozen = lot && !isExpired(lot, at) ? least(freeOf(lot), claimed) : ZERO;
  const lots = frozen === 0n ? [] : [{ lotId: grant.lotId, amount: nanoToText(frozen) }];
  return accept({ type: 'LotsFrozen', data: { disputeId, paymentId, claimed: nanoToText(claimed), lots } });
}

/** What of a payment can be disputed: what was neither paid back nor disputed before; undefined where there is no such payment. */
export function disputable(account: Account, paymentId: string): NanoCredits | undefined {
  const grant = grantOfPayment(account, paymentId);
  return grant && nano(nanoFromText(grant.amount) - takenBack(account, paymentId));
}

/** Ends a won dispute: what was frozen can be spent again, unless it has expired meanwhile or another dispute claims it. */
export function unfreezeLots(
  { disputeId }: UnfreezeLots,
  account: Account,
  at: Instant,
): Decision<LotsUnfrozen | CreditsExpired | LotsFrozen, EndDisputeRejection> {
  const dispute = account.disputes.get(disputeId);
  if (!dispute) return reject({ reason: 'dispute_not_found', disputeId });
  if (dispute.status === 'lost') return reject({ reason: 'dispute_ended', disputeId, as: 'lost' });
  if (dispute.status === 'won') return accept();
  const lots = frozenParts(dispute);
  return accept<LotsUnfrozen | CreditsExpired | LotsFrozen>(
    { type: 'LotsUnfrozen', data: { disputeId, lots } },
    ...consequencesOfReturns(account, lots, at, disputeId),
  );
}

/** Ends a lost dispute: what was frozen is gone, and the rest of what was claimed, which was spent, is owed. */
export function clawBackCredits(
  { disputeId }: ClawBackCredits,
  account: Account,
): Decision<CreditsClawedBack, EndDisputeRejection> {
  const dispute = account.disputes.get(disputeId);
  if (!dispute) return reject({ reason: 'dispute_not_found', disputeId });
  if (dispute.status === 'won') return reject({ reason: 'dispute_ended', disputeId, as: 'won' });
  if (dispute.status === 'lost') return accept();
  const receivable = nanoToText(nano(dispute.claimed - dispute.frozen));
  return accept({ type: 'CreditsClawedBack', data: { disputeId, lots: frozenParts(dispute), receivable } });
}

const frozenParts = ({ lotId, frozen }: Dispute): LotAmount[] => (frozen === 0n ? [] : [{ lotId, amount: nanoToText(frozen) }]);
