import { least, type NanoCredits, nano, nanoFromText, nanoToText, ZERO } from '../../kernel/credits.js';
import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { GenerationId, KeyId, ReservationId } from '../../kernel/ids.js';
import type { Instant } from '../../kernel/time.js';
import { type Account, closedReservation, type Reservation } from './account.js';
import type {
  AnswerFacts,
  CreditsExpired,
  LateSettlementRecorded,
  LotAmount,
  LotsFrozen,
  ProviderAttempt,
  ReservationSettled,
  SettledCost,
  SettledUsage,
  SettlementOutcome,
} from './accounts.events.js';
import { isExpired, take } from './burn-down.js';
import { consequencesOfReturns } from './returned-credits.js';

export interface SettleReservation {
  readonly type: 'SettleReservation';
  readonly reservationId: ReservationId;
  readonly model: string;
  readonly cost: SettledCost;
  readonly usage: SettledUsage;
  readonly priceVersion: string;
  readonly formulaVersion: string;
  /** ISO 8601; stated only where the price version has prices by the time of day. */
  readonly pricedAt?: string;
  readonly attempts: readonly ProviderAttempt[];
  readonly outcome: SettlementOutcome;
  readonly answer?: AnswerFacts;
  /** Only where it is open and its time to settle has passed: a recovery must not charge for a call that is alive or has ended. */
  readonly onlyOverdue?: boolean;
  /** Evidence from the stream that the reservation was given back, for an account that no longer remembers it. */
  readonly releasedEarlier?: { readonly generationId: GenerationId; readonly keyId: KeyId };
}

/** The reservation is not open: it ended too long ago to be remembered, or was never made. Nothing is charged. */
export type ReservationNotOpen = { readonly reason: 'reservation_not_open'; readonly reservationId: ReservationId };

export type ReservationNotOverdue = { readonly reason: 'reservation_not_overdue'; readonly settleBy: Instant };

/**
 * Replaces a reservation by the actual cost. Below the hold, the rest goes back to the lots it came from; above it, free
 * eligible lots pay in order and what nobody can pay is a shortfall; another reservation's hold is never touched. What had been
 * given back is charged late. Settling what was settled appends nothing.
 */
export function settleReservation(
  command: SettleReservation,
  account: Account,
  at: Instant,
): Decision<
  ReservationSettled | LateSettlementRecorded | CreditsExpired | LotsFrozen,
  ReservationNotOpen | ReservationNotOverdue
> {
  const reservation = account.reservations.get(command.reservationId);
  if (!reservation) return command.onlyOverdue ? endedBefore(account, command.reservationId) : settleLate(command, account, at);
  if (command.onlyOverdue && at < reservation.settleBy)
    return reject({ reason: 'reservation_not_overdue', settleBy: reservation.settleBy });
  const { debits, releases, uncovered } = splitHolds(reservation, account, nanoFromText(command.cost.rounded), at);
  const extra = takeBeyondHolds(account, uncovered, at);
  return accept<ReservationSettled | CreditsExpired | LotsFrozen>(
    {
      type: 'ReservationSettled',
      data: {
        ...factsOf(command, reservation),
        debits: [...debits, ...extra.parts],
        releases,
        shortfall: nanoToText(extra.missing),
      },
    },
    ...consequencesOfReturns(account, releases, at),
  );
}

/** Charges usage that became known after the reservation was given back: whatever is free then pays. It is never dropped. */
function settleLate(
  command: SettleReservation,
  account: Account,
  at: Instant,
): Decision<LateSettlementRecorded, ReservationNotOpen> {
  const closed = closedReservation(account, command.reservationId);
  const released = closed?.as === 'released' ? closed : closed === undefined ? command.releasedEarlier : undefined;
  if (!released) return endedBefore(account, command.reservationId);
  const { parts, missing } = takeBeyondHolds(account, nanoFromText(command.cost.rounded), at);
  return accept({
    type: 'LateSettlementRecorded',
    data: { ...factsOf(command, released), debits: parts, shortfall: nanoToText(missing) },
  });
}

const factsOf = (command: SettleReservation, { generationId, keyId }: { generationId: GenerationId; keyId: KeyId }) => ({
  reservationId: command.reservationId,
  generationId,
  keyId,
  model: command.model,
  cost: command.cost,
  usage: command.usage,
  priceVersion: command.priceVersion,
  formulaVersion: command.formulaVersion,
  ...(command.pricedAt !== undefined && { pricedAt: command.pricedAt }),
  attempts: command.attempts,
  outcome: command.outcome,
  ...(command.answer && { answer: command.answer }),
});

/** What ending an ended reservation answers: its first outcome, and no event. */
export const endedBefore = (account: Account, reservationId: ReservationId): Decision<never, ReservationNotOpen> =>
  closedReservation(account, reservationId) ? accept() : reject({ reason: 'reservation_not_open', reservationId });

/**
 * Debits the holds in their order until the cost is covered; the rest of them is given back. A hold on an expired lot is pinned
 * until settleBy and no longer.
 */
function splitHolds(reservation: Reservation, account: Account, cost: NanoCredits, at: Instant) {
  const debits: LotAmount[] = [];
  const releases: LotAmount[] = [];
  let uncovered: bigint = cost;
  for (const hold of reservation.holds) {
    const held = nanoFromText(hold.amount);
    const lot = account.lots.get(hold.lotId);
    const unpinned = lot !== undefined && at >= reservation.settleBy && isExpired(lot, at);
    const debit = unpinned ? ZERO : least(held, nano(uncovered));
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
