/**
 * The ids of the newest events of the log, bounded: by them an append to `any` revision is recognised as a repeat. An id is
 * remembered for each stream that has it: nobody but the client says that ids are unique. Those of the transaction that is open are
 * known at once, and forgotten if it fails.
 *
 * A hash table in arrays of numbers: as objects, the ids would live just long enough to be what the garbage collector copies most.
 */
import { randomBytes } from 'node:crypto';

export interface RecentEvent {
  readonly revision: number;
  readonly position: number;
}

interface NewEvent extends RecentEvent {
  readonly streamNumber: number;
  readonly id: Buffer;
}

const ID_BYTES = 16;
const CHAIN_BITS = 16;
const NONE = -1;

export class RecentEventIds {
  // Never cleared, but replaced: a Map that is cleared leads to what it held, until all of memory is collected.
  private uncommitted = new Map<string, NewEvent>();
  // A ring of slots, in the order of arrival.
  private readonly ids: Buffer;
  private readonly streamNumbers: Float64Array;
  private readonly revisions: Float64Array;
  private readonly positions: Float64Array;
  private nextSlot = 0;
  private isFull = false;
  /** By hash, the newest slot that has it; and by slot, the next older one. */
  private readonly chains = new Int32Array(2 ** CHAIN_BITS).fill(NONE);
  private readonly older: Int32Array;

  constructor(private readonly eventsMax: number) {
    this.ids = Buffer.alloc(eventsMax * ID_BYTES);
    this.streamNumbers = new Float64Array(eventsMax);
    this.revisions = new Float64Array(eventsMax);
    this.positions = new Float64Array(eventsMax);
    this.older = new Int32Array(eventsMax);
  }

  get(streamNumber: number, id: Buffer): RecentEvent | undefined {
    const uncommitted = this.uncommitted.get(keyOf(streamNumber, id));
    if (uncommitted) return uncommitted;
    for (let slot = this.chains[hashOf(streamNumber, id, 0)] as number; slot !== NONE; slot = this.older[slot] as number) {
      if (this.has(slot, streamNumber, id)) {
        return { revision: this.revisions[slot] as number, position: this.positions[slot] as number };
      }
    }
    return undefined;
  }

  add(event: NewEvent): void {
    this.uncommitted.set(keyOf(event.streamNumber, event.id), event);
  }

  commit(): void {
    for (const event of this.uncommitted.values()) this.remember(event);
    this.uncommitted = new Map();
  }

  rollBack(): void {
    this.uncommitted = new Map();
  }

  clear(): void {
    this.rollBack();
    this.chains.fill(NONE);
    this.nextSlot = 0;
    this.isFull = false;
  }

  private remember({ streamNumber, id, revision, position }: NewEvent): void {
    const slot = this.nextSlot;
    if (this.isFull) this.forget(slot);
    id.copy(this.ids, slot * ID_BYTES);
    this.streamNumbers[slot] = streamNumber;
    this.revisions[slot] = revision;
    this.positions[slot] = position;
    const hash = hashOf(streamNumber, id, 0);
    this.older[slot] = this.chains[hash] as number;
    this.chains[hash] = slot;
    this.nextSlot = (slot + 1) % this.eventsMax;
    this.isFull ||= this.nextSlot === 0;
  }

  /** The oldest of all is the last of its chain. */
  private forget(oldest: number): void {
    const hash = hashOf(this.streamNumbers[oldest] as number, this.ids, oldest * ID_BYTES);
    let slot = this.chains[hash] as number;
    if (slot === oldest) {
      this.chains[hash] = NONE;
      return;
    }
    while (this.older[slot] !== oldest) slot = this.older[slot] as number;
    this.older[slot] = NONE;
  }

  private has(slot: number, streamNumber: number, id: Buffer): boolean {
    if (this.streamNumbers[slot] !== streamNumber) return false;
    const at = slot * ID_BYTES;
    return id.compare(this.ids, at, at + ID_BYTES) === 0;
  }
}

const keyOf = (streamNumber: number, id: Buffer): string => `${id.toString('latin1')}${streamNumber}`;

/** Of this process alone: clients choose the ids, and must not be able to choose ones that meet in one chain. */
const [SECRET_0, SECRET_1, SECRET_2, SECRET_3, SECRET_4] = [odd(), odd(), odd(), odd(), odd()];

function odd(): number {
  return randomBytes(4).readInt32LE() | 1;
}

/** Multilinear; of the product, the upper bits are the mixed ones. */
function hashOf(streamNumber: number, ids: Buffer, at: number): number {
  const sum =
    Math.imul(ids.readInt32LE(at), SECRET_0) +
    Math.imul(ids.readInt32LE(at + 4), SECRET_1) +
    Math.imul(ids.readInt32LE(at + 8), SECRET_2) +
    Math.imul(ids.readInt32LE(at + 12), SECRET_3) +
    Math.imul(streamNumber % 2 ** 32, SECRET_4);
  return (sum | 0) >>> (32 - CHAIN_BITS);
}
