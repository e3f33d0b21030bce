import { describe, expect, test } from '@jest/globals';
import {
  leafHash,
  MerkleFrontier,
  MerkleTree,
  verifyConsistency,
  verifyInclusion,
} from '../../src/audit/checkpoints/merkle-tree.js';

/** Inputs, roots and proofs of the reference implementation of RFC 6962 (certificate-transparency, merkle_tree_test.cc). */
const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const A = '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7';
const B = '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e';
const C = '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4';
const D = 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b';
const E = 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0';
const F = '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a';
const root = (size: number): string => (size === 0 ? EMPTY : (ROOTS[size - 1] as string));

const hex = (hashes: readonly Uint8Array[]): string[] => hashes.map((hash) => Buffer.from(hash).toString('hex'));
const bytes = (text: string): Buffer => Buffer.from(text, 'hex');

function referenceTree(): MerkleTree {
  const tree = new MerkleTree();
  for (const input of INPUTS) tree.append(leafHash(bytes(input)));
  return tree;
}

describe('the tree of RFC 9162 gives the reference', () => {
  test('roots, from the tree and from the frontier', () => {
    const tree = referenceTree();
    const frontier = new MerkleFrontier();
    expect(frontier.root().toString('hex')).toBe(EMPTY);
    expect(new MerkleTree().root().toString('hex')).toBe(EMPTY);
    for (const [index, input] of INPUTS.entries()) {
      frontier.append(leafHash(bytes(input)));
      expect(frontier.root().toString('hex')).toBe(ROOTS[index]);
      expect(tree.root(index + 1).toString('hex')).toBe(ROOTS[index]);
    }
  });

  test.each([
    { index: 0, size: 1, proof: [] },
    { index: 0, size: 8, proof: [A, B, C] },
    { index: 5, size: 8, proof: [D, E, root(4)] },
    { index: 2, size: 3, proof: [root(2)] },
    { index: 1, size: 5, proof: [root(1), B, D] },
  ])('inclusion proof of leaf $index in $size', ({ index, size, proof }) => {
    expect(hex(referenceTree().inclusionProof(index, size))).toEqual(proof);
    const leaf = leafHash(bytes(INPUTS[index] as string));
    const claim = { index, size, leafHash: leaf, proof: proof.map(bytes), root: bytes(root(size)) };
    expect(verifyInclusion(claim)).toBe(true);
    expect(verifyInclusion({ ...claim, root: bytes(EMPTY) })).toBe(false);
  });

  test.each([
    { first: 1, second: 1, proof: [] },
    { first: 1, second: 8, proof: [A, B, C] },
    { first: 6, second: 8, proof: [F, E, root(4)] },
    { first: 2, second: 5, proof: [B, D] },
    { first: 0, second: 5, proof: [] },
  ])('consistency proof from $first to $second', ({ first, second, proof }) => {
    expect(hex(referenceTree().consistencyProof(first, second))).toEqual(proof);
    const claim = { first, second, firstRoot: bytes(root(first)), secondRoot: bytes(root(second)), proof: proof.map(bytes) };
    expect(verifyConsistency(claim)).toBe(true);
    expect(verifyConsistency({ ...claim, firstRoot: bytes(A) })).toBe(false);
  });
});

describe('what is not asked for in earnest is refused', () => {
  test('a size, an index or a range outside of the tree', () => {
    const tree = referenceTree();
    for (const ask of [
      () => tree.root(9),
      () => tree.root(-1),
      () => tree.root(1.5),
      () => tree.inclusionProof(8, 8),
      () => tree.inclusionProof(0, 0),
      () => tree.inclusionProof(0, 9),
      () => tree.consistencyProof(5, 4),
      () => tree.append(bytes('00')),
    ]) {
      expect(ask).toThrow(RangeError);
    }
  });

  test('a kept frontier that is not of its size', () => {
    const frontier = new MerkleFrontier();
    for (const input of INPUTS.slice(0, 5)) frontier.append(leafHash(bytes(input)));
    const kept = frontier.toJSON();
    expect(kept).toEqual({ size: 5, hashes: [root(4), D] });
    for (const wrong of [
      { ...kept, size: 4 },
      { ...kept, size: 7 },
      { ...kept, size: -5 },
      { ...kept, hashes: [root(4), 'x'] },
      { ...kept, size: Number.NaN },
    ]) {
      expect(() => MerkleFrontier.fromJSON(wrong)).toThrow(RangeError);
    }
  });
});
