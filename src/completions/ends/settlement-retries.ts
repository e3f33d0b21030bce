import type { ReleaseReservation, SettleReservation } from '../../accounts/index.js';
import type { Cause } from '../../event-store/envelope.js';

/** The end of a reservation that the store has not taken yet. JSON-safe, so that a queue can keep it. */
export interface PendingEnd {
  readonly accountId: string;
  readonly command: SettleReservation | ReleaseReservation;
  readonly cause: Cause;
}

/** Keeps ends of reservations durably and repeats them until the ledger has taken them. */
export abstract class SettlementRetries {
  /** Resolves when it is kept durably. The same reservation kept twice is ended once. */
  abstract keep(end: PendingEnd): Promise<void>;
}
