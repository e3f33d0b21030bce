import type { KeyObject } from 'node:crypto';
import { checkGenerationEvidence } from '../audit/index.js';
import type { EvidenceSealed } from './domain/disputes.events.js';
import { sha256 } from './seal-packs.js';

/** The text of a pack, which the hash beside it is over, from all of its parts in any order. */
export const packTextOf = (parts: readonly EvidenceSealed['data'][]): string =>
  [...parts]
    .sort((a, b) => a.part - b.part)
    .map(({ pack }) => pack)
    .join('');

/**
 * Checks a sealed pack with nothing but the public key of the checkpoints. The hash covers every byte, and is itself in the ledger's
 * chain; whoever mends it as well is still found in all that the signed tree proves: everything but the ids and positions of events.
 * @returns what is wrong; empty where nothing is
 */
export function checkPack(text: string, hash: string, publicKey: KeyObject): string[] {
  const wrong = sha256(text) === hash ? [] : ['the pack is not the one that was sealed'];
  try {
    return [...wrong, ...checkGenerationEvidence(JSON.parse(text), publicKey)];
  } catch (error) {
    return [...wrong, `the pack cannot be read: ${(error as Error).message}`];
  }
}
