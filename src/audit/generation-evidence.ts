import { createHash } from 'node:crypto';
import { canonicalJson } from '../event-store/canonical-json.js';
import type { EventStore } from '../event-store/event-store.js';
import { decodeRawEvent, type RawEvent } from '../event-store/read-wire.js';
import { LEDGER_PREFIXES } from './checkpoints/checkpoint.events.js';
import type { Checkpoint } from './checkpoints/checkpoint.js';
import { readStoredCheckpointsBackwards } from './checkpoints/checkpoint-stream.js';
import { leafHash, MerkleTree } from './checkpoints/merkle-tree.js';
import type { EvidenceEvent, EvidenceProof } from './evidence.js';
import type { Json } from './rules/account-audit-rules.js';
import { accountStreamOf } from './verify-account.js';
import { leafOfHash } from './verify-chain.js';

export const GENERATION_EVIDENCE_FORMAT = 'mcphub-generation-evidence@1';

/** An event of the evidence, exactly as it is stored, and where. */
export interface PackedEvent extends EvidenceEvent {
  readonly stream: string;
}

/**
 * All that the ledger knows of one call, to be checked without any server but the public key: what is said of it in words of the
 * ledger, the events that say so, and the proof that these are in the tree that the checkpoint signs.
 */
export interface GenerationEvidence {
  readonly format: typeof GENERATION_EVIDENCE_FORMAT;
  readonly accountId: string;
  readonly generationId: string;
  readonly summary: GenerationSummary;
  readonly events: readonly PackedEvent[];
  readonly proofs: readonly EvidenceProof[];
  readonly checkpoint: Checkpoint;
}

/** As the events say; amounts in nano-credits. Null where nothing was charged. */
export interface GenerationSummary {
  readonly quote: Json;
  readonly holds: Json;
  /** As the provider reported it, or as it was counted here: `source` says. */
  readonly usage: Json;
  /** SHA-256 of the usage as canonical JSON, hex. */
  readonly usageHash: string | null;
  readonly priceVersion: string | null;
  readonly formulaVersion: string | null;
  readonly pricedAt: string | null;
  readonly prices: Json;
  readonly cost: Json;
  readonly debits: Json;
  readonly releases: Json;
  readonly shortfall: string | null;
  readonly attempts: Json;
  readonly outcome: string | null;
  /** The terms of the lots that were held or paid. */
  readonly lots: readonly Json[];
  readonly refunds: readonly Json[];
}

/**
 * Gathers the evidence about calls, of any accounts: each account's stream is read once, and the ledger once for all proofs. Calls
 * with events that no checkpoint covers yet are left out: ask again when the next one is signed.
 */
export async function gatherGenerationEvidence(
  store: EventStore,
  calls: readonly { readonly accountId: string; readonly generationIds: readonly string[] }[],
): Promise<GenerationEvidence[]> {
  const checkpoint = await newestCheckpoint(store);
  if (!checkpoint) return [];
  const found: Found[] = [];
  for (const { accountId, generationIds } of calls) found.push(...(await findCalls(store, accountId, generationIds)));
  const covered = found.filter(({ events }) => events.every(({ position }) => position <= BigInt(checkpoint.position)));
  if (covered.length === 0) return [];
  const proofs = await proofsOf(
    store,
    checkpoint,
    covered.flatMap(({ events }) => events),
  );
  return covered.map(({ accountId, generationId, events }) => ({
    format: GENERATION_EVIDENCE_FORMAT,
    accountId,
    generationId,
    summary: summaryOf(events.map(({ type, dataText }) => ({ type, data: JSON.parse(dataText) }))),
    events: events.map(packed),
    proofs: events.map((event) => proofs.get(placeOf(event)) as EvidenceProof),
    checkpoint,
  }));
}

interface Found {
  readonly accountId: string;
  readonly generationId: string;
  readonly events: readonly RawEvent[];
}

/** The events that speak of a call: its own, the grants of the lots that it touched, and the publication of its price. */
async function findCalls(store: EventStore, accountId: string, generationIds: readonly string[]): Promise<Found[]> {
  const own = new Map(generationIds.map((generationId) => [generationId, [] as RawEvent[]]));
  const grants = new Map<string, RawEvent>();
  for await (const event of store.readRaw(accountStreamOf(accountId))) {
    const [, generationId] = /"generationId":"([^"\\]+)"/.exec(event.dataText) ?? [];
    if (generationId !== undefined) own.get(generationId)?.push(event);
    if (event.type === 'CreditsGranted') grants.set(JSON.parse(event.dataText).lotId, event);
  }
  const found: Found[] = [];
  for (const [generationId, events] of own) {
    if (events.length === 0) continue;
    const touched = lotsOf(events.map(({ dataText }) => JSON.parse(dataText)));
    const granted = [...touched].flatMap((lotId) => grants.get(lotId) ?? []);
    const prices = await publicationsOf(store, events);
    found.push({ accountId, generationId, events: [...granted, ...prices, ...events] });
  }
  return found;
}

async function publicationsOf(store: EventStore, events: readonly RawEvent[]): Promise<RawEvent[]> {
  const found: RawEvent[] = [];
  for (const version of versionsOf(events.map(({ dataText }) => dataText))) {
    for await (const event of store.readRaw(`price-${version.slice(0, version.lastIndexOf('@'))}`))
      if (event.type === 'PricesPublished' && JSON.parse(event.dataText).priceVersion === version) found.push(event);
  }
  return found;
}

/** The prices that events name, by their texts. */
export const versionsOf = (texts: readonly string[]): Set<string> =>
  new Set(texts.flatMap((text) => /"priceVersion":"([^"\\]+)"/.exec(text)?.[1] ?? []));

/** The lots that events of a call touch. */
export function lotsOf(datas: readonly Json[]): Set<string> {
  const lots = new Set<string>();
  for (const { holds = [], debits = [], credits = [] } of datas)
    for (const { lotId } of [...holds, ...debits, ...credits]) lots.add(lotId);
  return lots;
}

/** What the events of a call say of it. Also used to check that a pack says nothing else. */
export function summaryOf(events: readonly { readonly type: string; readonly data: Json }[]): GenerationSummary {
  const of = (...types: string[]) => events.filter(({ type }) => types.includes(type)).map(({ data }) => data);
  const [reservation] = of('CreditsReserved');
  const [charge] = of('ReservationSettled', 'LateSettlementRecorded');
  const publication = of('PricesPublished').find(({ priceVersion }) => priceVersion === charge?.priceVersion);
  return {
    quote: reservation?.quote ?? null,
    holds: [...(reservation?.holds ?? []), ...of('ReservationExtended').flatMap(({ holds }) => holds)],
    usage: charge?.usage ?? null,
    usageHash: charge ? createHash('sha256').update(canonicalJson(charge.usage)).digest('hex') : null,
    priceVersion: charge?.priceVersion ?? null,
    formulaVersion: charge?.formulaVersion ?? null,
    pricedAt: charge?.pricedAt ?? null,
    prices: publication?.prices ?? null,
    cost: charge?.cost ?? null,
    debits: charge?.debits ?? [],
    releases: charge?.releases ?? of('ReservationReleased')[0]?.releases ?? [],
    shortfall: charge?.shortfall ?? null,
    attempts: charge?.attempts ?? of('ReservationReleased')[0]?.attempts ?? [],
    outcome: charge?.outcome ?? of('ReservationReleased')[0]?.reason ?? null,
    lots: of('CreditsGranted').map(({ lotId, kind, costBasis, priority, effectiveAt, expiresAt = null }) => ({
      lotId,
      kind,
      costBasis,
      priority,
      effectiveAt,
      expiresAt,
    })),
    refunds: of('GenerationRefunded'),
  };
}

async function newestCheckpoint(store: EventStore): Promise<Checkpoint | undefined> {
  for await (const { checkpoint } of readStoredCheckpointsBackwards(store)) return checkpoint;
  return undefined;
}

const placeOf = ({ stream, revision }: { readonly stream: string; readonly revision: number }): string => `${revision} ${stream}`;

/** Builds the tree that was signed, and takes the paths of these events out of it. */
async function proofsOf(
  store: EventStore,
  checkpoint: Checkpoint,
  events: readonly RawEvent[],
): Promise<ReadonlyMap<string, EvidenceProof>> {
  const leaves = new Map<string, number>(events.map((event) => [placeOf(event), -1]));
  const tree = new MerkleTree();
  for await (const batch of store.readAllMessages({ streamPrefixes: LEDGER_PREFIXES, after: undefined })) {
    for (const message of batch) {
      if (tree.size === checkpoint.treeSize) break;
      const event = decodeRawEvent(message);
      if (leaves.has(placeOf(event))) leaves.set(placeOf(event), tree.size);
      tree.append(leafHash(leafOfHash(/,"hash":"([0-9a-f]{64})"/.exec(event.metadataText)?.[1])));
    }
    if (tree.size === checkpoint.treeSize) break;
  }
  return new Map(
    events.map(({ stream, revision }) => {
      const leafIndex = leaves.get(placeOf({ stream, revision })) as number;
      const path = tree.inclusionProof(leafIndex).map((hash) => hash.toString('hex'));
      return [placeOf({ stream, revision }), { stream, revision, leafIndex, path }];
    }),
  );
}

const packed = ({ id, type, stream, revision, position, dataText, metadataText }: RawEvent): PackedEvent => ({
  id,
  type,
  stream,
  revision,
  position: `${position}`,
  data: dataText,
  metadata: metadataText,
});
