import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { ReservationId } from '../../kernel/ids.js';
import type { Instant } from '../../kernel/time.js';
import type { Account } from './account.js';
import type { CreditsExpired, LotsFrozen, ProviderAttempt, ReleaseReason, ReservationReleased } from './accounts.events.js';
import { consequencesOfReturns } from './returned-credits.js';
import { endedBefore, type ReservationNotOpen, type ReservationNotOverdue } from './settle-reservation.js';

export interface ReleaseReservation {
  readonly type: 'ReleaseReservation';
  readonly reservationId: ReservationId;
  readonly reason: ReleaseReason;
  readonly attempts?: readonly ProviderAttempt[];
  /** Only where its time to settle has passed: a recovery must not release a call that is alive. */
  readonly onlyOverdue?: boolean;
}

/** Gives a whole reservation back, because nothing was served. Releasing what has ended appends nothing. */
export function releaseReservation(
  command: ReleaseReservation,
  account: Account,
  at: Instant,
): Decision<ReservationReleased | CreditsExpired | LotsFrozen, ReservationNotOpen | ReservationNotOverdue> {
  const reservation = account.reservations.get(command.reservationId);
  if (!reservation) return endedBefore(account, command.reservationId);
  const { generationId, keyId, holds, settleBy } = reservation;
  if (command.onlyOverdue && at < settleBy) return reject({ reason: 'reservation_not_overdue', settleBy });
  return accept<ReservationReleased | CreditsExpired | LotsFrozen>(
    {
      type: 'ReservationReleased',
      data: {
        reservationId: command.reservationId,
        generationId,
        keyId,
        releases: holds,
        reason: command.reason,
        ...(command.attempts && { attempts: command.attempts }),
      },
    },
    ...consequencesOfReturns(account, holds, at),
  );
}
