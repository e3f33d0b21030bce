import type { EventStore } from '../../src/event-store/event-store.js';
import type { EventPlace } from './checkpoint.js';

/** Whether the store holds this event at its place. Where it does not, it has another history: it was replaced or restored. */
export async function isInStore(events: Pick<EventStore, 'read'>, { id, stream, revision }: EventPlace): Promise<boolean> {
  for await (const event of events.read(stream, revision)) return event.id === id;
  return false;
}
