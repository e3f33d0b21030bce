import { hash as digest } from 'node:crypto';

/**
 * The Merkle tree of Certificate Transparency, RFC 9162 section 2.1, over SHA-256. Sizes and indexes are whole numbers; hashes are
 * 32 bytes. They are divided rather than shifted: JavaScript shifts are those of 32 bits.
 */

export const HASH_BYTES = 32;

/** Asked for as text of one character a byte: where Node makes the buffer itself, so short a hash takes twice the time. */
const sha256 = (bytes: Uint8Array): Buffer => Buffer.from(digest('sha256', bytes, 'binary'), 'latin1');

/** The root of a tree without leaves: SHA-256 of nothing. */
export const EMPTY_ROOT: Buffer = sha256(Buffer.alloc(0));

/** What is hashed, written over each time: 0x00 and a leaf of one hash, 0x01 and two hashes. Each is hashed at once. */
const hashLeaf = Buffer.alloc(1 + HASH_BYTES);
const node = Buffer.alloc(1 + 2 * HASH_BYTES, 1);

/** SHA-256(0x00 ‖ leaf): a leaf can never be taken for a node. */
export function leafHash(leaf: Uint8Array): Buffer {
  if (leaf.length !== HASH_BYTES) return sha256(Buffer.concat([Buffer.of(0), leaf]));
  hashLeaf.set(leaf, 1);
  return sha256(hashLeaf);
}

/** SHA-256(0x01 ‖ left ‖ right) */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  node.set(left, 1);
  node.set(right, 1 + HASH_BYTES);
  return sha256(node);
}

export const isOdd = (n: number): boolean => n % 2 === 1;
export const half = (n: number): number => Math.floor(n / 2);

/** The largest power of two below `n`, for n > 1: where a tree of n leaves is parted. */
export function splitOf(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}
