import { accept, type Decision } from '../../kernel/decider.js';
import type { ReservationId } from '../../kernel/ids.js';
import type { Instant } from '../../kernel/time.js';
import type { Account } from './account.js';
import type { CreditsExpired, ReleaseReason, ReservationReleased } from './accounts.events.js';
import { endedBefore, expiryOfReleases, type ReservationNotOpen } from './settle-reservation.js';

export interface ReleaseReservation {
  readonly type: 'ReleaseReservation';
  readonly reservationId: ReservationId;
  readonly reason: ReleaseReason;
}

/** Gives a whole reservation back, because nothing was served. Releasing what has ended appends nothing. */
export function releaseReservation(
  command: ReleaseReservation,
  account: Account,
  at: Instant,
): Decision<ReservationReleased | CreditsExpired, ReservationNotOpen> {
  const reservation = account.reservations.get(command.reservationId);
  if (!reservation) return endedBefore(account, command.reservationId);
  const { generationId, keyId, holds } = reservation;
  return accept<ReservationReleased | CreditsExpired>(
    {
      type: 'ReservationReleased',
      data: { reservationId: command.reservationId, generationId, keyId, releases: holds, reason: command.reason },
    },
    ...expiryOfReleases(account, holds, at),
  );
}
