import { EMPTY_ROOT, HASH_BYTES, isOdd, nodeHash, splitOf } from './merkle-hash.js';

export { type FrontierJson, MerkleFrontier } from './merkle-frontier.js';
export { EMPTY_ROOT, leafHash } from './merkle-hash.js';
export { type ConsistencyClaim, type InclusionClaim, verifyConsistency, verifyInclusion } from './merkle-proof.js';

/** Leaf hashes side by side, in blocks that are never copied: growing by doubling would need three times the memory. */
class HashList {
  static readonly perBlock = 32_768;
  length = 0;
  private readonly blocks: Buffer[] = [];

  push(hash: Uint8Array): void {
    const at = this.length % HashList.perBlock;
    if (at === 0) this.blocks.push(Buffer.allocUnsafe(HashList.perBlock * HASH_BYTES));
    (this.blocks.at(-1) as Buffer).set(hash, at * HASH_BYTES);
    this.length += 1;
  }

  at(index: number): Buffer {
    const start = (index % HashList.perBlock) * HASH_BYTES;
    return (this.blocks[Math.floor(index / HashList.perBlock)] as Buffer).subarray(start, start + HASH_BYTES);
  }
}

/** Complete subtrees from this many leaves on are kept; smaller ones are hashed again for each proof. A power of two. */
const KEPT_FROM = 64;

/** A whole tree in memory, for proofs: 33 bytes a leaf. Roots and proofs of any size up to `size`, in about 100 hashes. */
export class MerkleTree {
  private readonly leaves = new HashList();
  /** Roots of the complete subtrees of KEPT_FROM leaves, of twice as many, and so on. */
  private readonly kept: HashList[] = [];

  get size(): number {
    return this.leaves.length;
  }

  append(hash: Uint8Array): void {
    if (hash.length !== HASH_BYTES) throw new RangeError(`a hash has ${HASH_BYTES} bytes`);
    this.leaves.push(hash);
    let end = this.size;
    if (end % KEPT_FROM !== 0) return;
    let root = this.hashed(end - KEPT_FROM, end);
    end /= KEPT_FROM;
    for (let level = 0; ; level++) {
      let roots = this.kept[level];
      if (!roots) {
        roots = new HashList();
        this.kept.push(roots);
      }
      roots.push(root);
      if (isOdd(end)) return;
      root = nodeHash(roots.at(end - 2), root);
      end /= 2;
    }
  }

  /** The root as it was at a size. */
  root(size = this.size): Buffer {
    this.check(size, this.size, 'size');
    return size === 0 ? EMPTY_ROOT : Buffer.from(this.rootOf(0, size));
  }

  /** PATH of RFC 9162 2.1.3.1: that the leaf at `index`, from 0, is in the tree of `size` leaves. */
  inclusionProof(index: number, size = this.size): Buffer[] {
    this.check(size, this.size, 'size');
    this.check(index, size - 1, 'index');
    const path: Buffer[] = [];
    let start = 0;
    let end = size;
    while (end - start > 1) {
      const middle = start + splitOf(end - start);
      if (index < middle) {
        path.push(this.rootOf(middle, end));
        end = middle;
      } else {
        path.push(this.rootOf(start, middle));
        start = middle;
      }
    }
    return path.reverse().map((hash) => Buffer.from(hash));
  }

  /** PROOF of RFC 9162 2.1.4.1: that the tree of `second` leaves begins with the tree of `first`. Empty where first is 0 or second. */
  consistencyProof(first: number, second = this.size): Buffer[] {
    this.check(second, this.size, 'second');
    this.check(first, second, 'first');
    if (first === 0) return [];
    const path: Buffer[] = [];
    let start = 0;
    let end = second;
    while (end !== first) {
      const middle = start + splitOf(end - start);
      if (first <= middle) {
        path.push(this.rootOf(middle, end));
        end = middle;
      } else {
        path.push(this.rootOf(start, middle));
        start = middle;
      }
    }
    // Where the first tree is itself a subtree of the second, its root is known to who verifies.
    if (start > 0) path.push(this.rootOf(start, end));
    return path.reverse().map((hash) => Buffer.from(hash));
  }

  /** The root of the leaves from `start` to before `end`; `start` is a multiple of the largest complete subtree in between. */
  private rootOf(start: number, end: number): Buffer {
    const size = end - start;
    if (size < KEPT_FROM) return this.hashed(start, end);
    const middle = start + splitOf(size);
    if (middle - start !== size / 2) return nodeHash(this.rootOf(start, middle), this.rootOf(middle, end));
    return (this.kept[Math.log2(size / KEPT_FROM)] as HashList).at(start / size);
  }

  private hashed(start: number, end: number): Buffer {
    if (end - start === 1) return this.leaves.at(start);
    const middle = start + splitOf(end - start);
    return nodeHash(this.hashed(start, middle), this.hashed(middle, end));
  }

  private check(value: number, max: number, name: string): void {
    if (!Number.isSafeInteger(value) || value < 0 || value > max)
      throw new RangeError(`${name} ${value} is not from 0 to ${max}`);
  }
}
