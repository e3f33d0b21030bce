import type { EventStore } from '../event-store/event-store.js';
import type { AccountId, ReservationId } from '../kernel/ids.js';
import { type Instant, instantFromText } from '../kernel/time.js';
import { accountStream, type CreditsReserved, type Quote } from './domain/accounts.events.js';

/**
 * What a reservation was computed from, by the account's own stream, read backwards. Throws EventStoreUnavailable.
 * @returns undefined where it was never made
 */
export async function findQuote(
  store: Pick<EventStore, 'readBackwards'>,
  accountId: AccountId,
  reservationId: ReservationId,
): Promise<{ readonly quote: Quote; readonly reservedAt: Instant } | undefined> {
  for await (const { type, data, metadata } of store.readBackwards(accountStream(accountId))) {
    if (type !== 'CreditsReserved') continue;
    const reserved = data as CreditsReserved['data'];
    if (reserved.reservationId === reservationId)
      return { quote: reserved.quote, reservedAt: instantFromText(metadata.occurredAt) };
  }
  return undefined;
}
