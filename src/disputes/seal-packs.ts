import { createHash } from 'node:crypto';
import { gatherGenerationEvidence } from '../audit/index.js';
import { canonicalJson } from '../event-store/canonical-json.js';
import type { EventStore } from '../event-store/event-store.js';
import { type Dispute, unsealed } from './domain/dispute.js';
import type { EvidenceSealed } from './domain/disputes.events.js';

/** Three bytes a character, or one and an escape: no event comes near 300 KB. */
export const PART_CHARACTERS_MAX = 60_000;

export interface GatheredPack {
  readonly disputeId: string;
  readonly parts: readonly EvidenceSealed['data'][];
}

/**
 * The packs that disputes wait for, of the calls that a signed checkpoint covers by now: the others come with a later one. Each
 * account is read once, and the ledger once for all proofs. Throws EventStoreUnavailable.
 */
export async function gatherPacks(store: EventStore, disputes: readonly Dispute[]): Promise<GatheredPack[]> {
  const wanted = new Map<string, Set<string>>();
  for (const dispute of disputes) {
    const { accountId = '' } = dispute.opened ?? {};
    const generationIds = wanted.get(accountId) ?? new Set();
    for (const generationId of unsealed(dispute)) generationIds.add(generationId);
    if (generationIds.size > 0) wanted.set(accountId, generationIds);
  }
  if (wanted.size === 0) return [];
  const calls = [...wanted].map(([accountId, generationIds]) => ({ accountId, generationIds: [...generationIds] }));
  const packs = await gatherGenerationEvidence(store, calls);
  return disputes.flatMap((dispute) => {
    const { disputeId = '', accountId } = dispute.opened ?? {};
    const waiting = new Set(unsealed(dispute));
    return packs
      .filter((pack) => pack.accountId === accountId && waiting.has(pack.generationId))
      .map((pack) => ({ disputeId, parts: partsOf(pack.generationId, canonicalJson(pack)) }));
  });
}

/** A pack that is too long for one event, cut where no character is halved. */
export function partsOf(generationId: string, text: string, max = PART_CHARACTERS_MAX): EvidenceSealed['data'][] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length; ) {
    let to = Math.min(from + max, text.length);
    const last = text.charCodeAt(to - 1);
    if (to < text.length && last >= 0xd800 && last <= 0xdbff) to -= 1;
    pieces.push(text.slice(from, to));
    from = to;
  }
  const hash = sha256(text);
  return pieces.map((pack, part) => ({ generationId, part, parts: pieces.length, pack, sha256: hash }));
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
