import type { EventStore } from '../event-store/event-store.js';
import type { AccountId, ReservationId } from '../kernel/ids.js';
import {
  type AccountEvent,
  accountStream,
  type LateSettlementRecorded,
  type ReservationReleased,
  type ReservationSettled,
} from './domain/accounts.events.js';

export type ReservationEnd = ReservationSettled | ReservationReleased | LateSettlementRecorded;

/**
 * How a reservation ended, by the account's own stream: for one that ended longer ago than the account remembers. Reads backwards
 * and stops at the reservation's making, so a late settlement is found before the release that it follows.
 * @returns undefined where it has not ended, or was never made. Throws EventStoreUnavailable.
 */
export async function findReservationEnd(
  store: Pick<EventStore, 'readBackwards'>,
  accountId: AccountId,
  reservationId: ReservationId,
): Promise<ReservationEnd | undefined> {
  for await (const { type, data } of store.readBackwards(accountStream(accountId))) {
    const event = { type, data } as AccountEvent;
    switch (event.type) {
      case 'ReservationSettled':
      case 'ReservationReleased':
      case 'LateSettlementRecorded':
        if (event.data.reservationId === reservationId) return event;
        break;
      case 'CreditsReserved':
        if (event.data.reservationId === reservationId) return undefined;
    }
  }
  return undefined;
}
