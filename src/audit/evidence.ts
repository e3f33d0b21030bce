import type { EventStore } from '../event-store/event-store.js';
import { decodeRawEvent, type RawEvent } from '../event-store/read-wire.js';
import { LEDGER_PREFIXES } from './checkpoints/checkpoint.events.js';
import { type Checkpoint } from './checkpoints/checkpoint.js';
import { readStoredCheckpointsBackwards } from './checkpoints/checkpoint-stream.js';
import { leafHash, MerkleTree } from './checkpoints/merkle-tree.js';
import { accountStreamOf, PriceStreams } from './verify-account.js';
import { leafOfHash } from './verify-chain.js';

export const EVIDENCE_FORMAT = 'mcphub-evidence@1';

/** An event exactly as it is stored: `data` and `metadata` are the texts that were hashed. */
export interface EvidenceEvent {
  readonly id: string;
  readonly type: string;
  readonly revision: number;
  readonly position: string;
  readonly data: string;
  readonly metadata: string;
}

/** An event of evidence as the store has it. */
export const rawOf = (stream: string, { id, type, revision, position, data, metadata }: EvidenceEvent): RawEvent => ({
  id,
  type,
  stream,
  revision,
  position: BigInt(position),
  dataText: data,
  metadataText: metadata,
});

export interface EvidenceStream {
  readonly stream: string;
  readonly events: readonly EvidenceEvent[];
}

/** That an event is a leaf of the tree that the checkpoint has signed: RFC 9162 inclusion, hashes in hex. */
export interface EvidenceProof {
  readonly stream: string;
  readonly revision: number;
  readonly leafIndex: number;
  readonly path: readonly string[];
}

/** All that is needed to check an account without any server, but the public key. */
export interface Evidence {
  readonly format: typeof EVIDENCE_FORMAT;
  readonly account: EvidenceStream;
  /** The streams of the prices that its calls were charged at. */
  readonly prices: readonly EvidenceStream[];
  /** The newest signed checkpoint; null where none was signed. */
  readonly checkpoint: Checkpoint | null;
  readonly proofs: readonly EvidenceProof[];
}

/** Up to this many events, each has a proof of its own. */
const PROVEN_EACH_MAX = 10_000;
const PROVEN_EVERY = 1_000;

/**
 * Gathers the evidence about an account. Every event up to 10,000 has a proof of inclusion; beyond, every 1,000th and the last one
 * that the checkpoint covers, since each event's hash covers the one before it. Resolves with undefined where there is no such
 * account.
 */
export async function gatherEvidence(
  store: EventStore,
  accountId: string,
  read: (events: number) => void,
): Promise<Evidence | undefined> {
  const checkpoint = await newestCheckpoint(store);
  const stream = accountStreamOf(accountId);
  const prices = new PriceStreams(store);
  const account: EvidenceEvent[] = [];
  for await (const event of store.readRaw(stream)) {
    account.push(stored(event));
    const [, priceVersion] = /"priceVersion":"([^"\\]+)"/.exec(event.dataText) ?? [];
    if (event.type === 'ReservationSettled' || event.type === 'LateSettlementRecorded') await prices.need(priceVersion);
  }
  if (account.length === 0) return undefined;
  const priceStreams = [...prices.events].map(([name, events]) => ({ stream: name, events: events.map(stored) }));
  const streams = [{ stream, events: account }, ...priceStreams];
  return {
    format: EVIDENCE_FORMAT,
    account: { stream, events: account },
    prices: priceStreams,
    checkpoint: checkpoint ?? null,
    proofs: checkpoint ? await proofsOf(store, checkpoint, streams, read) : [],
  };
}

async function newestCheckpoint(store: EventStore): Promise<Checkpoint | undefined> {
  for await (const { checkpoint } of readStoredCheckpointsBackwards(store)) return checkpoint;
  return undefined;
}

/** What evidence keeps of an event; `rawOf` turns it back. */
const stored = ({ id, type, revision, position, dataText, metadataText }: RawEvent): EvidenceEvent => ({
  id,
  type,
  revision,
  position: `${position}`,
  data: dataText,
  metadata: metadataText,
});

/** Builds the tree that was signed, and takes the paths of the streams' events out of it. */
async function proofsOf(
  store: EventStore,
  checkpoint: Checkpoint,
  streams: readonly EvidenceStream[],
  read: (events: number) => void,
): Promise<EvidenceProof[]> {
  const names = new Set(streams.map(({ stream }) => stream));
  const tree = new MerkleTree();
  const found: { stream: string; revision: number; leafIndex: number }[] = [];
  for await (const batch of store.readAllMessages({ streamPrefixes: LEDGER_PREFIXES, after: undefined })) {
    read(batch.length);
    for (const message of batch) {
      if (tree.size === checkpoint.treeSize) break;
      const { stream, revision, metadataText } = decodeRawEvent(message);
      if (names.has(stream)) found.push({ stream, revision, leafIndex: tree.size });
      tree.append(leafHash(leafOfHash(/,"hash":"([0-9a-f]{64})"/.exec(metadataText)?.[1])));
    }
    if (tree.size === checkpoint.treeSize) break;
  }
  const last = new Map(found.map(({ stream, leafIndex }) => [stream, leafIndex]));
  const isProven = ({ stream, revision, leafIndex }: (typeof found)[number]) =>
    found.length <= PROVEN_EACH_MAX || revision % PROVEN_EVERY === 0 || last.get(stream) === leafIndex;
  return found
    .filter(isProven)
    .map((leaf) => ({ ...leaf, path: tree.inclusionProof(leaf.leafIndex).map((hash) => hash.toString('hex')) }));
}
