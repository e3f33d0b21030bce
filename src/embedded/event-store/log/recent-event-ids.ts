/**
 * The ids of the newest events of the log, bounded: by them an append to `any` revision is recognised as a repeat. An id is
 * remembered for each stream that has it: nobody but the client says that ids are unique. Those of the transaction that is open are
 * known at once, and forgotten if it fails.
 */
export interface RecentEvent {
  readonly revision: number;
  readonly position: number;
}

export class RecentEventIds {
  private readonly events = new Map<string, RecentEvent>();
  // The order of arrival, as a ring. A Map knows it too, but finding its first key costs more the more keys were deleted before.
  private readonly ring: (readonly [key: string, event: RecentEvent])[] = [];
  private next = 0;
  private readonly uncommitted = new Map<string, RecentEvent>();

  constructor(private readonly eventsMax: number) {}

  get(streamNumber: number, id: Buffer): RecentEvent | undefined {
    const key = keyOf(streamNumber, id);
    return this.uncommitted.get(key) ?? this.events.get(key);
  }

  add(streamNumber: number, id: Buffer, event: RecentEvent): void {
    this.uncommitted.set(keyOf(streamNumber, id), event);
  }

  commit(): void {
    for (const entry of this.uncommitted) this.remember(entry);
    this.uncommitted.clear();
  }

  rollBack(): void {
    this.uncommitted.clear();
  }

  clear(): void {
    this.rollBack();
    this.events.clear();
    this.ring.length = 0;
    this.next = 0;
  }

  private remember(entry: readonly [key: string, event: RecentEvent]): void {
    const oldest = this.ring[this.next];
    // An id may have come again since, in the same stream.
    if (oldest && this.events.get(oldest[0]) === oldest[1]) this.events.delete(oldest[0]);
    this.ring[this.next] = entry;
    this.next = (this.next + 1) % this.eventsMax;
    this.events.set(...entry);
  }
}

const keyOf = (streamNumber: number, id: Buffer): string => `${id.toString('latin1')}${streamNumber}`;
