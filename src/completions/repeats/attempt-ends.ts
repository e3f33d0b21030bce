import { Injectable } from '@nestjs/common';
import { AccountWriter, closedReservation, findReservationEnd } from '../../accounts/index.js';
import { EventStore, type StoredEvent } from '../../event-store/event-store.js';
import type { FormerEnd } from '../../idempotency/index.js';
import { instantFromText } from '../../kernel/time.js';

/** How far the clocks of the gateways and of PostgreSQL may be apart. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** What the ledger says of an attempt to serve a named request. */
@Injectable()
export class AttemptEnds {
  constructor(
    private readonly accounts: AccountWriter,
    private readonly store: EventStore,
  ) {}

  /**
   * How the reservation of a generation ended, as the account's stream says now. Throws EventStoreUnavailable.
   * @param since when the request was first named: no older event can be about it
   */
  async of(accountId: string, generationId: string, since: Date): Promise<FormerEnd> {
    const { account } = await this.accounts.refresh(accountId);
    if (account.reservations.has(generationId)) return 'open';
    const closed = closedReservation(account, generationId);
    if (closed) return closed.as === 'settled' ? 'charged' : 'released';
    const recent = { readBackwards: (stream: string) => newerThan(this.store.readBackwards(stream), since) };
    const end = await findReservationEnd(recent, accountId, generationId);
    if (!end) return 'never_made';
    return end.type === 'ReservationReleased' ? 'released' : 'charged';
  }
}

async function* newerThan(events: AsyncGenerator<StoredEvent>, since: Date): AsyncGenerator<StoredEvent> {
  const from = since.getTime() - CLOCK_SKEW_MS;
  for await (const event of events) {
    if (instantFromText(event.metadata.occurredAt) < from) return;
    yield event;
  }
}
