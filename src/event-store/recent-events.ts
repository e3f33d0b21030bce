import type { StoredEvent } from './stored-event.js';

const EVENTS_MAX = 2_000;
/** Larger ones are rare, and would make the bound of the memory a large one. */
const MESSAGE_BYTES_MAX = 16_384;

/**
 * The events that subscriptions of this process have read last, by position: several projections follow the same streams, and what
 * costs is reading an event's JSON, not its frame. Nobody may change an event.
 */
export class RecentEvents {
  private readonly byPosition = new Map<bigint, StoredEvent>();

  /** The event at a position, where it is this very one. */
  find(position: bigint, id: string): StoredEvent | undefined {
    const known = this.byPosition.get(position);
    return known?.id === id ? known : undefined;
  }

  /** @param bytes of the message that held it */
  add(event: StoredEvent, bytes: number): void {
    if (bytes > MESSAGE_BYTES_MAX) return;
    if (this.byPosition.size >= EVENTS_MAX) {
      const [oldest] = this.byPosition.keys();
      this.byPosition.delete(oldest as bigint);
    }
    this.byPosition.set(event.position, event);
  }
}
