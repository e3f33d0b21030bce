import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type ConsistencyClaim,
  EMPTY_ROOT,
  type InclusionClaim,
  leafHash,
  MerkleFrontier,
  MerkleTree,
  verifyConsistency,
  verifyInclusion,
} from '../../src/audit/checkpoints/merkle-tree.js';

const LEAVES_MAX = 700;
const leaves = Array.from({ length: LEAVES_MAX }, (_, index) => leafHash(Buffer.from(`leaf ${index}`)));
const tree = new MerkleTree();
for (const leaf of leaves) tree.append(leaf);

/** MTH of RFC 9162 2.1.1, word by word. */
function definition(hashes: readonly Buffer[]): Buffer {
  if (hashes.length === 0) return createHash('sha256').digest();
  if (hashes.length === 1) return hashes[0] as Buffer;
  const k = 2 ** Math.ceil(Math.log2(hashes.length) - 1);
  return createHash('sha256')
    .update(Buffer.of(1))
    .update(definition(hashes.slice(0, k)))
    .update(definition(hashes.slice(k)))
    .digest();
}

const leaf = (index: number): Buffer => leaves[index] as Buffer;
const size = fc.integer({ min: 1, max: LEAVES_MAX });
const powerOfTwo = fc.integer({ min: 0, max: 9 }).map((level) => 2 ** level);
/** An index and a size above it. */
const place = size.chain((n) => fc.tuple(fc.integer({ min: 0, max: n - 1 }), fc.constant(n)));
const sizes = size.chain((n) => fc.tuple(fc.integer({ min: 1, max: n }), fc.constant(n)));
const flip = fc.record({ at: fc.nat(), bit: fc.integer({ min: 0, max: 255 }) });
type Flip = { at: number; bit: number };

const inclusionOf = (index: number, n: number): InclusionClaim => ({
  index,
  size: n,
  leafHash: leaf(index),
  proof: tree.inclusionProof(index, n),
  root: tree.root(n),
});

const consistencyOf = (first: number, second: number): ConsistencyClaim => ({
  first,
  second,
  firstRoot: tree.root(first),
  secondRoot: tree.root(second),
  proof: tree.consistencyProof(first, second),
});

function flipped(hash: Uint8Array, { bit }: Flip): Buffer {
  const other = Buffer.from(hash);
  other.writeUInt8(other.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return other;
}

const withFlip = (proof: readonly Uint8Array[], where: Flip): Uint8Array[] =>
  proof.map((hash, index) => (index === where.at % proof.length ? flipped(hash, where) : hash));

describe('the Merkle tree', () => {
  test('has the root of the definition at every size, and so has the frontier, also when it was kept in between', () => {
    let frontier = new MerkleFrontier();
    expect(tree.root(0)).toEqual(EMPTY_ROOT);
    for (const [index, hash] of leaves.entries()) {
      frontier = MerkleFrontier.fromJSON(JSON.parse(JSON.stringify(frontier)));
      frontier.append(hash);
      const n = index + 1;
      if (n < 140 || n % 64 < 2) expect(tree.root(n)).toEqual(definition(leaves.slice(0, n)));
      expect(frontier.root()).toEqual(tree.root(n));
      expect(frontier.size).toBe(n);
    }
  });

  test('every inclusion proof verifies', () => {
    fc.assert(fc.property(place, ([index, n]) => expect(verifyInclusion(inclusionOf(index, n))).toBe(true)));
  });

  test('every consistency proof verifies', () => {
    fc.assert(fc.property(sizes, ([first, second]) => expect(verifyConsistency(consistencyOf(first, second))).toBe(true)));
  });

  test('a proof has no more hashes than the tree has levels', () => {
    fc.assert(
      fc.property(place, ([index, n]) => {
        const levels = Math.ceil(Math.log2(n));
        expect(tree.inclusionProof(index, n).length).toBeLessThanOrEqual(levels);
        expect(tree.consistencyProof(index, n).length).toBeLessThanOrEqual(levels + 1);
      }),
    );
  });
});

describe('an inclusion proof fails with', () => {
  const fails = (change: (claim: InclusionClaim, where: Flip) => InclusionClaim, from = place) =>
    fc.assert(
      fc.property(from, flip, ([index, n], where) => {
        expect(verifyInclusion(change(inclusionOf(index, n), where))).toBe(false);
      }),
    );
  const several = place.filter(([, n]) => n > 1);

  test('another leaf', () => fails((claim, where) => ({ ...claim, leafHash: flipped(claim.leafHash, where) })));
  test('another root', () => fails((claim, where) => ({ ...claim, root: flipped(claim.root, where) })));
  test('another index', () =>
    fails((claim, { at }) => ({ ...claim, index: (claim.index + 1 + (at % (claim.size - 1))) % claim.size }), several));
  test('an index that is none', () => {
    fails((claim) => ({ ...claim, index: claim.size }));
    fails((claim) => ({ ...claim, index: -1 }));
    fails((claim) => ({ ...claim, index: claim.index + 0.5 }));
  });
  test('a changed hash', () => fails((claim, where) => ({ ...claim, proof: withFlip(claim.proof, where) }), several));
  test('a hash too few or too many', () => {
    fails((claim) => ({ ...claim, proof: claim.proof.slice(1) }), several);
    fails((claim) => ({ ...claim, proof: claim.proof.slice(0, -1) }), several);
    fails((claim, { at }) => ({ ...claim, proof: [...claim.proof, leaf(at % LEAVES_MAX)] }));
  });
  test('the path and the root of a subtree', () => {
    fc.assert(
      fc.property(fc.nat(), powerOfTwo, size, (at, subtree, n) => {
        fc.pre(n > subtree);
        expect(verifyInclusion({ ...inclusionOf(at % subtree, subtree), size: n })).toBe(false);
      }),
    );
  });
  // A path alone does not tell sizes of its shape apart; the root that was signed for a size does.
  test('another size and the root of that size', () => {
    fc.assert(
      fc.property(place, size, ([index, n], other) => {
        fc.pre(other !== n && other > index);
        expect(verifyInclusion({ ...inclusionOf(index, n), size: other, root: tree.root(other) })).toBe(false);
      }),
    );
  });
});

describe('a consistency proof fails with', () => {
  const growing = sizes.filter(([first, second]) => first < second);
  const fails = (change: (claim: ConsistencyClaim, where: Flip) => ConsistencyClaim, from = growing) =>
    fc.assert(
      fc.property(from, flip, ([first, second], where) => {
        expect(verifyConsistency(change(consistencyOf(first, second), where))).toBe(false);
      }),
    );

  test('another first root', () => fails((claim, where) => ({ ...claim, firstRoot: flipped(claim.firstRoot, where) }), sizes));
  test('another second root', () => fails((claim, where) => ({ ...claim, secondRoot: flipped(claim.secondRoot, where) }), sizes));
  test('a changed hash', () => fails((claim, where) => ({ ...claim, proof: withFlip(claim.proof, where) })));
  test('a hash too few or too many', () => {
    fails((claim) => ({ ...claim, proof: claim.proof.slice(1) }));
    fails((claim) => ({ ...claim, proof: claim.proof.slice(0, -1) }));
    fails((claim, { at }) => ({ ...claim, proof: [...claim.proof, leaf(at % LEAVES_MAX)] }), sizes);
  });
  test('sizes that are turned round', () => fails((claim) => ({ ...claim, first: claim.second, second: claim.first })));
  test('other sizes and their own roots', () => {
    fc.assert(
      fc.property(growing, sizes, ([first, second], [otherFirst, otherSecond]) => {
        fc.pre(first !== otherFirst || second !== otherSecond);
        const { proof } = consistencyOf(first, second);
        fc.pre(otherFirst !== otherSecond);
        const other = { ...consistencyOf(otherFirst, otherSecond), proof };
        expect(verifyConsistency(other)).toBe(false);
      }),
    );
  });
  test('the path and the root of a subtree', () => {
    fc.assert(
      fc.property(fc.nat(), powerOfTwo, size, (at, subtree, n) => {
        fc.pre(n > subtree);
        expect(verifyConsistency({ ...consistencyOf(1 + (at % subtree), subtree), second: n })).toBe(false);
      }),
    );
  });
  test('a leaf of the first tree that was edited later', () => {
    fc.assert(
      fc.property(growing, fc.nat(), ([first, second], at) => {
        const edited = new MerkleTree();
        for (const [index, hash] of leaves.slice(0, second).entries())
          edited.append(index === at % first ? leafHash(Buffer.from('edited')) : hash);
        const proof = edited.consistencyProof(first, second);
        const claim = { first, second, firstRoot: tree.root(first), secondRoot: edited.root(second), proof };
        expect(verifyConsistency(claim)).toBe(false);
      }),
    );
  });
});
