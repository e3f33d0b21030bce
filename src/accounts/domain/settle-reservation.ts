import { least, type NanoCredits, nano, nanoFromText, nanoToText } from '../../kernel/credits.js';
import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { ReservationId } from '../../kernel/ids.js';
import type { Instant } from '../../kernel/time.js';
import { type Account, closedReservation, type Reservation } from './account.js';
import type {
  CreditsExpired,
  LotAmount,
  ProviderAttempt,
  ReservationSettled,
  SettledCost,
  SettledUsage,
  SettlementOutcome,
} from './accounts.events.js';
import { freeOf, isExpired, take } from './burn-down.js';

export interface SettleReservation {
  readonly type: 'SettleReservation';
  readonly reservationId: ReservationId;
  readonly model: string;
  readonly cost: SettledCost;
  readonly usage: SettledUsage;
  readonly priceVersion: string;
  readonly formulaVersion: string;
  readonly attempts: readonly ProviderAttempt[];
  readonly outcome: SettlementOutcome;
}

/** The reservation is not open: it ended too long ago to be remembered, or was never made. Nothing is charged. */
export type ReservationNotOpen = { readonly reason: 'reservation_not_open'; readonly reservationId: ReservationId };

/**
 * Replaces a reservation by the actual cost. Below the hold, the rest goes back to the lots it came from; above it, free
 * eligible lots pay in order and what nobody can pay is a shortfall; another reservation's hold is never touched. Settling what
 * has ended appends nothing. What goes back to an expired lot expires at once.
 */
export function settleReservation(
  command: SettleReservation,
  account: Account,
  at: Instant,
): Decision<ReservationSettled | CreditsExpired, ReservationNotOpen> {
  const reservation = account.reservations.get(command.reservationId);
  if (!reservation) return endedBefore(account, command.reservationId);
  const cost = nanoFromText(command.cost.rounded);
  const { debits, releases, uncovered } = splitHolds(reservation, cost);
  const extra = takeBeyondHolds(account, uncovered, at);
  return accept<ReservationSettled | CreditsExpired>(
    {
      type: 'ReservationSettled',
      data: {
        reservationId: command.reservationId,
        generationId: reservation.generationId,
        keyId: reservation.keyId,
        model: command.model,
        cost: command.cost,
        usage: command.usage,
        priceVersion: command.priceVersion,
        formulaVersion: command.formulaVersion,
        attempts: command.attempts,
        debits: [...debits, ...extra.parts],
        releases,
        shortfall: nanoToText(extra.missing),
        outcome: command.outcome,
      },
    },
    ...expiryOfReleases(account, releases, at),
  );
}

/** What ending an ended reservation answers: its first outcome, and no event. */
export const endedBefore = (account: Account, reservationId: ReservationId): Decision<never, ReservationNotOpen> =>
  closedReservation(account, reservationId) ? accept() : reject({ reason: 'reservation_not_open', reservationId });

/** CreditsExpired for everything free in the expired lots that something is given back to. */
export function expiryOfReleases(account: Account, releases: readonly LotAmount[], at: Instant): CreditsExpired[] {
  return releases.flatMap(({ lotId, amount }) => {
    const lot = account.lots.get(lotId);
    if (!lot || !isExpired(lot, at)) return [];
    return [{ type: 'CreditsExpired', data: { lotId, amount: (freeOf(lot) + BigInt(amount)).toString() } }];
  });
}

/** Debits the holds in their order until the cost is covered; the rest of them is given back. */
function splitHolds(reservation: Reservation, cost: NanoCredits) {
  const debits: LotAmount[] = [];
  const releases: LotAmount[] = [];
  let uncovered: bigint = cost;
  for (const hold of reservation.holds) {
    const held = nanoFromText(hold.amount);
    const debit = least(held, nano(uncovered));
    if (debit > 0n) debits.push({ lotId: hold.lotId, amount: nanoToText(debit) });
    if (debit < held) releases.push({ lotId: hold.lotId, amount: nanoToText(nano(held - debit)) });
    uncovered -= debit;
  }
  return { debits, releases, uncovered: nano(uncovered) };
}

/** Takes what the holds did not cover from what is free, in burn-down order. While the account owes, nothing is free. */
function takeBeyondHolds(account: Account, amount: NanoCredits, at: Instant) {
  if (amount === 0n || account.receivable > 0n) return { parts: [], missing: amount };
  return take(account.lots, amount, at);
}
