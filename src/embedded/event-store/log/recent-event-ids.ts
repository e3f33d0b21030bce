/** The ids of the newest events of the log, bounded: by them an append to `any` revision is recognised as a repeat. */
export interface RecentEvent {
  readonly streamNumber: number;
  readonly revision: number;
  readonly position: number;
}

export class RecentEventIds {
  private readonly events = new Map<string, RecentEvent>();
  // The order of arrival, as a ring. A Map knows it too, but finding its first key costs more the more keys were deleted before.
  private readonly ring: string[] = [];
  private next = 0;

  constructor(private readonly eventsMax: number) {}

  get(id: Buffer): RecentEvent | undefined {
    return this.events.get(id.toString('latin1'));
  }

  add(id: Buffer, event: RecentEvent): void {
    const key = id.toString('latin1');
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
