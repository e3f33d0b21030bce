/**
 * The ids of the newest events of the log, bounded: by them an append to `any` revision is recognised as a repeat. An id is
 * remembered for each stream that has it: nobody but the client says that ids are unique.
 */
export interface RecentEvent {
  readonly revision: number;
  readonly position: number;
}

export class RecentEventIds {
  private readonly events = new Map<string, RecentEvent>();
  // The order of arrival, as a ring. A Map knows it too, but finding its first key costs more the more keys were deleted before.
  private readonly ring: string[] = [];
  private next = 0;

  constructor(private readonly eventsMax: number) {}

  get(streamNumber: number, id: Buffer): RecentEvent | undefined {
    return this.events.get(keyOf(streamNumber, id));
  }

  add(streamNumber: number, id: Buffer, event: RecentEvent): void {
    const key = keyOf(streamNumber, id);
    const oldest = this.ring[this.next];
    if (oldest !== undefined) this.events.delete(oldest);
    this.ring[this.next] = key;
    this.next = (this.next + 1) % this.eventsMax;
    this.events.set(key, event);
  }

  clear(): void {
    this.events.clear();
    this.ring.length = 0;
    this.next = 0;
  }
}

const keyOf = (streamNumber: number, id: Buffer): string => `${id.toString('latin1')}${streamNumber}`;
