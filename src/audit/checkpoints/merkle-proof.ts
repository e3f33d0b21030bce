import { EMPTY_ROOT, HASH_BYTES, half, isOdd, nodeHash } from './merkle-hash.js';

export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/**
 * RFC 9162 2.1.3.2. That `root` is the root of a tree of `size` leaves is what a signed checkpoint says, not this proof: some
 * sizes share the shape of a path.
 */
export function verifyInclusion({ index, size, leafHash, proof, root }: InclusionClaim): boolean {
  if (!areSizes(index, size) || index >= size || !areHashes(leafHash, root, ...proof)) return false;
  let fn = index;
  let sn = size - 1;
  let hash = leafHash;
  for (const sibling of proof) {
    if (sn === 0) return false;
    if (isOdd(fn) || fn === sn) {
      hash = nodeHash(sibling, hash);
      while (fn !== 0 && !isOdd(fn)) [fn, sn] = [half(fn), half(sn)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && isEqual(hash, root);
}

export interface ConsistencyClaim {
  readonly first: number;
  readonly second: number;
  readonly firstRoot: Uint8Array;
  readonly secondRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** RFC 9162 2.1.4.2, with the two cases that need no proof: an empty first tree, and twice the same. */
export function verifyConsistency({ first, second, firstRoot, secondRoot, proof }: ConsistencyClaim): boolean {
  if (!areSizes(first, second) || first > second || !areHashes(firstRoot, secondRoot, ...proof)) return false;
  if (first === second) return proof.length === 0 && isEqual(firstRoot, secondRoot);
  if (first === 0) return proof.length === 0 && isEqual(firstRoot, EMPTY_ROOT);
  const path = [...proof];
  if (Number.isInteger(Math.log2(first))) path.unshift(firstRoot);
  let fn = first - 1;
  let sn = second - 1;
  while (isOdd(fn)) [fn, sn] = [half(fn), half(sn)];
  const [start, ...rest] = path;
  if (!start) return false;
  let before = start;
  let after = start;
  for (const sibling of rest) {
    if (sn === 0) return false;
    if (isOdd(fn) || fn === sn) {
      before = nodeHash(sibling, before);
      after = nodeHash(sibling, after);
      while (fn !== 0 && !isOdd(fn)) [fn, sn] = [half(fn), half(sn)];
    } else {
      after = nodeHash(after, sibling);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && isEqual(before, firstRoot) && isEqual(after, secondRoot);
}

const areSizes = (...sizes: number[]): boolean => sizes.every((size) => Number.isSafeInteger(size) && size >= 0);
const areHashes = (...hashes: readonly Uint8Array[]): boolean => hashes.every(({ length }) => length === HASH_BYTES);
const isEqual = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
