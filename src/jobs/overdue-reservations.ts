import type { AccountId, ReservationId } from '../kernel/ids.js';
import type { Instant } from '../kernel/time.js';

/** A reservation that should have ended by now. */
export interface OverdueReservation {
  readonly accountId: AccountId;
  readonly reservationId: ReservationId;
}

/** Which reservations may be overdue: a hint from outside, since whether one is, is decided on its account. */
export abstract class OverdueReservations {
  abstract list(at: Instant, limit: number): Promise<readonly OverdueReservation[]>;
}
