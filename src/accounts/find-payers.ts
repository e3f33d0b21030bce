import type { EventStore } from '../event-store/event-store.js';
import { nanoFromText } from '../kernel/credits.js';
import type { AccountId, GenerationId } from '../kernel/ids.js';
import { type AccountEvent, accountStream } from './domain/accounts.events.js';
import type { RefundGeneration } from './domain/refund-generation.js';

/** Who paid for a generation; `not_charged` where it was given back or has not ended. */
export type Payers = RefundGeneration['paid'] | 'not_charged';

/**
 * Who paid for a generation, by the account's own stream: it is read backwards, until the generation's charge or its reservation.
 * What was charged late stands after the release, so it is found first.
 * @returns undefined where the account has made no such generation. Throws EventStoreUnavailable.
 */
export async function findPayers(
  store: Pick<EventStore, 'readBackwards'>,
  accountId: AccountId,
  generationId: GenerationId,
): Promise<Payers | undefined> {
  for await (const { type, data } of store.readBackwards(accountStream(accountId))) {
    const event = { type, data } as AccountEvent;
    switch (event.type) {
      case 'ReservationSettled':
      case 'LateSettlementRecorded':
        if (event.data.generationId === generationId)
          return { debits: event.data.debits, shortfall: nanoFromText(event.data.shortfall) };
        break;
      case 'ReservationReleased':
      case 'CreditsReserved':
        if (event.data.generationId === generationId) return 'not_charged';
    }
  }
  return undefined;
}
