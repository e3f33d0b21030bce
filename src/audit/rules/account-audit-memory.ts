import type { EndedReservation, PaidGeneration } from './account-audit-state.js';

/**
 * What an auditor remembers of what is over. A ledger of millions of calls does not fit into memory, so the first reading keeps
 * fingerprints of ids and the newest generations; where that does not suffice, `Unsure` is thrown and the account's stream is read
 * a second time with an exact memory.
 */
export interface AuditMemory {
  /** Whether the id was not there before. @throws Unsure */
  add(id: string): boolean;
  readonly ended: RecentMap<EndedReservation>;
  readonly generations: RecentMap<PaidGeneration>;
}

/** The bounded memory cannot tell. */
export class Unsure extends Error {}

/** Kept per account by the first reading: the last of these many, up to twice as many. */
const RECENT_MIN = 256;

export const exactMemory = (): AuditMemory => {
  const ids = new Set<string>();
  return {
    add: (id) => ids.size !== ids.add(id).size,
    ended: new RecentMap(Number.POSITIVE_INFINITY),
    generations: new RecentMap(Number.POSITIVE_INFINITY),
  };
};

/** @param fingerprints shared by all accounts of a verification */
export const boundedMemory = (stream: string, fingerprints: FingerprintSet): AuditMemory => ({
  add(id) {
    if (fingerprints.add(stream, id)) return true;
    throw new Unsure();
  },
  ended: new RecentMap(RECENT_MIN),
  generations: new RecentMap(RECENT_MIN),
});

/** A map that forgets its oldest entries. */
export class RecentMap<T> {
  private recent = new Entries<T>();
  private older = new Entries<T>();
  private forgets = false;

  constructor(private readonly min: number) {}

  set(id: string, value: T): void {
    if (this.recent.size >= this.min) {
      this.forgets ||= this.older.size > 0;
      this.older = this.recent;
      this.recent = new Entries();
    }
    this.recent.add(id, value);
  }

  /** Undefined only where it was never there. @throws Unsure where it may have been forgotten */
  get(id: string): T | undefined {
    const value = this.recent.get(id) ?? this.older.get(id);
    if (value === undefined && this.forgets) throw new Unsure();
    return value;
  }
}

/** Entries as they came. Nearly all are forgotten before anyone asks for them, so they are indexed when somebody does. */
class Entries<T> {
  private readonly ids: string[] = [];
  private readonly values: T[] = [];
  private readonly index = new Map<string, T>();
  private indexed = 0;

  /** An id that came twice counts twice. */
  get size(): number {
    return this.ids.length;
  }

  add(id: string, value: T): void {
    this.ids.push(id);
    this.values.push(value);
  }

  /** What came last under the id. */
  get(id: string): T | undefined {
    for (; this.indexed < this.ids.length; this.indexed++) {
      this.index.set(this.ids[this.indexed] as string, this.values[this.indexed] as T);
    }
    return this.index.get(id);
  }
}

const FNV_PRIME = 0x01000193;
const OTHER_PRIME = 0x85ebca6b;

/** 64-bit fingerprints of ids, 8 bytes each, open addressing. Two ids may share one: then an exact memory must decide. */
export class FingerprintSet {
  private table = new Uint32Array(2 << 12);
  private size = 0;

  add(stream: string, id: string): boolean {
    let low = 0x811c9dc5;
    let high = 0x9747b28c;
    for (let i = 0; i < stream.length; i++) low = Math.imul(low ^ stream.charCodeAt(i), FNV_PRIME);
    for (let i = 0; i < id.length; i++) {
      const unit = id.charCodeAt(i);
      low = Math.imul(low ^ unit, FNV_PRIME);
      high = Math.imul((high ^ unit) + (high >>> 13), OTHER_PRIME);
    }
    high = Math.imul(high ^ low ^ (low >>> 15), OTHER_PRIME);
    if (this.size * 3 > this.table.length) this.grow();
    if (!put(this.table, low >>> 0, high >>> 0 || 1)) return false;
    this.size += 1;
    return true;
  }

  private grow(): void {
    const old = this.table;
    this.table = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 2) if (old[at + 1] !== 0) put(this.table, old[at] as number, old[at + 1] as number);
  }
}

/** Pairs of low and high half; a high half of 0 is an empty place. */
function put(table: Uint32Array, low: number, high: number): boolean {
  const mask = table.length / 2 - 1;
  for (let place = (low ^ high) & mask; ; place = (place + 1) & mask) {
    if (table[place * 2 + 1] === 0) {
      table[place * 2] = low;
      table[place * 2 + 1] = high;
      return true;
    }
    if (table[place * 2] === low && table[place * 2 + 1] === high) return false;
  }
}
