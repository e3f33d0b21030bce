import { type NanoCredits, nano, nanoToText } from '../../kernel/credits.js';
import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { ReservationId } from '../../kernel/ids.js';
import { type Instant, instantToText } from '../../kernel/time.js';
import type { Account, ApiKey } from './account.js';
import type { ReservationExtended } from './accounts.events.js';
import { coverage, type NotCovered } from './coverage.js';
import { endedBefore, type ReservationNotOpen } from './settle-reservation.js';

export interface ExtendReservation {
  readonly type: 'ExtendReservation';
  readonly reservationId: ReservationId;
  /** What shall be held in all; no more than is held already where the call only goes on longer. */
  readonly amount: NanoCredits;
  readonly settleWithinMs: number;
}

/**
 * Keeps a reservation for a call that goes on longer, or holds more for one that may cost more. Nothing happens where it has
 * ended, or lasts as long and holds as much already.
 */
export function extendReservation(
  command: ExtendReservation,
  account: Account,
  at: Instant,
): Decision<ReservationExtended, ReservationNotOpen | NotCovered> {
  const reservation = account.reservations.get(command.reservationId);
  if (!reservation) return endedBefore(account, command.reservationId);
  const { generationId, keyId } = reservation;
  const settleBy = Math.max(reservation.settleBy, at + command.settleWithinMs);
  const added = nano(command.amount > reservation.amount ? command.amount - reservation.amount : 0n);
  if (added === 0n && settleBy === reservation.settleBy) return accept();
  const covered = added === 0n ? { holds: [] } : coverage(account, account.keys.get(keyId) as ApiKey, added, at);
  if ('reason' in covered) return reject(covered);
  return accept({
    type: 'ReservationExtended',
    data: {
      reservationId: command.reservationId,
      generationId,
      keyId,
      amount: nanoToText(added),
      holds: covered.holds,
      settleBy: instantToText(settleBy),
    },
  });
}
