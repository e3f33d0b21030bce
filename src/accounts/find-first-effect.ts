import type { EventStore } from '../event-store/event-store.js';
import type { AccountId } from '../kernel/ids.js';
import { type AccountEvent, accountStream } from './domain/accounts.events.js';

/** What a command made happen, and the position in `$all` of the last of it. */
export interface Effect {
  readonly events: readonly AccountEvent[];
  readonly position: bigint;
}

/**
 * What a command made happen the first time, for one that is asked again: by the account's own stream, read backwards until the
 * event that the effect begins with (its place among the events of its command is handed over with it). The longer ago it was, the more is read.
 * @returns undefined where no event is the one that is looked for. Throws EventStoreUnavailable.
 */
export async function findFirstEffect(
  store: Pick<EventStore, 'readBackwards'>,
  accountId: AccountId,
  isBeginning: (event: AccountEvent, index: number) => boolean,
): Promise<Effect | undefined> {
  let commandId: string | undefined;
  let events: AccountEvent[] = [];
  let position = 0n;
  for await (const stored of store.readBackwards(accountStream(accountId))) {
    // The events of one command stand side by side.
    if (stored.metadata.commandId !== commandId) {
      commandId = stored.metadata.commandId;
      events = [];
      position = stored.position;
    }
    const event = { type: stored.type, data: stored.data } as AccountEvent;
    events.unshift(event);
    if (isBeginning(event, stored.metadata.index)) return { events, position };
  }
  return undefined;
}
