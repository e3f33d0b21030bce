import { EMPTY_ROOT, half, isOdd, nodeHash } from './merkle-hash.js';

/** A frontier as it is kept: `hashes` in hex, largest subtree first, one for each bit that is set in `size`. */
export interface FrontierJson {
  readonly size: number;
  readonly hashes: readonly string[];
}

/** All that is needed to go on with a tree: the roots of its complete subtrees, largest first. O(log n) memory. */
export class MerkleFrontier {
  private count = 0;
  private peaks: Buffer[] = [];

  get size(): number {
    return this.count;
  }

  append(hash: Uint8Array): void {
    let peak: Uint8Array = hash;
    for (let rest = this.count; isOdd(rest); rest = half(rest)) peak = nodeHash(this.peaks.pop() as Buffer, peak);
    // The caller's own bytes are copied where they are kept.
    this.peaks.push(Buffer.from(peak));
    this.count += 1;
  }

  root(): Buffer {
    return this.peaks.length === 0 ? EMPTY_ROOT : this.peaks.reduceRight((right, left) => nodeHash(left, right));
  }

  toJSON(): FrontierJson {
    return { size: this.count, hashes: this.peaks.map((peak) => peak.toString('hex')) };
  }

  /** @throws RangeError where the hashes are not those of a tree of that size */
  static fromJSON({ size, hashes }: FrontierJson): MerkleFrontier {
    let peaks = 0;
    for (let rest = size; rest > 0; rest = half(rest)) peaks += rest % 2;
    if (!Number.isSafeInteger(size) || size < 0 || hashes.length !== peaks || !hashes.every((hex) => /^[0-9a-f]{64}$/.test(hex)))
      throw new RangeError(`the frontier of ${size} leaves is malformed`);
    const frontier = new MerkleFrontier();
    frontier.count = size;
    frontier.peaks = hashes.map((hex) => Buffer.from(hex, 'hex'));
    return frontier;
  }
}
