import type { KeyObject } from 'node:crypto';
import { canonicalJson } from '../event-store/canonical-json.js';
import { eventId } from '../event-store/envelope.js';
import { checkpointFrom, keyIdOf, verifyCheckpoint } from './checkpoints/checkpoint.js';
import { leafHash, verifyInclusion } from './checkpoints/merkle-tree.js';
import { rawOf } from './evidence.js';
import { GENERATION_EVIDENCE_FORMAT, lotsOf, type PackedEvent, summaryOf, versionsOf } from './generation-evidence.js';
import { PriceVersions, recomputeCost } from './rules/account-audit-prices.js';
import type { Json } from './rules/account-audit-rules.js';
import { accountStreamOf } from './verify-account.js';
import { leafOfHash, recomputedHash } from './verify-chain.js';

/**
 * Checks the evidence about a call with nothing but a public key: the signature, that every event is the one that was hashed and is in
 * the signed tree, that the events are those of the call and there once each, that the summary says what they say, and that the cost
 * is what usage and prices make it.
 * @returns what is wrong; empty where nothing is
 * @throws Error where it is no evidence of this format
 */
export function checkGenerationEvidence(pack: Json, publicKey: KeyObject): string[] {
  if (pack?.format !== GENERATION_EVIDENCE_FORMAT)
    throw new Error(`This is no evidence in the format ${GENERATION_EVIDENCE_FORMAT}.`);
  const wrong: string[] = [];
  const checkpoint = checkpointFrom(pack.checkpoint);
  if (checkpoint.keyId !== keyIdOf(publicKey)) wrong.push(`the checkpoint was signed by the key ${checkpoint.keyId}`);
  else if (!verifyCheckpoint(checkpoint, publicKey)) wrong.push("the checkpoint's signature does not fit");
  const root = Buffer.from(checkpoint.rootHash, 'hex');
  const events = pack.events as PackedEvent[];
  const own = events.filter((event) => isOwn(event, pack)).map(({ data }) => data);
  const touched = { lots: lotsOf(own.map((data) => JSON.parse(data))), versions: versionsOf(own) };
  const seen = new Set<string>();
  events.forEach((event, index) => {
    const where = `event ${event.revision} of ${event.stream}`;
    // Twice, a refund would be shown as two.
    if (seen.has(where)) wrong.push(`${where} is there twice`);
    seen.add(where);
    const hash = recomputedHash(rawOf(event.stream, event));
    if (hash === undefined || JSON.parse(event.metadata).hash !== hash) wrong.push(`${where} is not what was hashed`);
    else if (event.id !== eventId(hash)) wrong.push(`${where} has an id that is not its own`);
    const { stream, revision, leafIndex, path } = pack.proofs[index] ?? {};
    const claim = {
      index: leafIndex,
      size: checkpoint.treeSize,
      leafHash: leafHash(leafOfHash(hash)),
      proof: ((path ?? []) as string[]).map((each) => Buffer.from(each, 'hex')),
      root,
    };
    if (stream !== event.stream || revision !== event.revision || !verifyInclusion(claim))
      wrong.push(`${where} is not in the tree that was signed`);
    if (!belongs(event, pack, touched)) wrong.push(`${where} says nothing of the call`);
  });
  const said = summaryOf(events.map(({ type, data }) => ({ type, data: JSON.parse(data) })));
  if (canonicalJson(said) !== canonicalJson(pack.summary)) wrong.push('the summary is not what the events say');
  return [...wrong, ...checkCost(events)];
}

/** Grants and prices belong where an event of the call names them: of others the summary must say nothing. */
function belongs(event: PackedEvent, pack: Json, { lots, versions }: { lots: Set<string>; versions: Set<string> }): boolean {
  const { stream, type, data } = event;
  if (type === 'PricesPublished') return stream.startsWith('price-') && versions.has(JSON.parse(data).priceVersion);
  if (type === 'CreditsGranted') return stream === accountStreamOf(pack.accountId) && lots.has(JSON.parse(data).lotId);
  return isOwn(event, pack);
}

const isOwn = ({ stream, type, data }: PackedEvent, { accountId, generationId }: Json): boolean =>
  stream === accountStreamOf(accountId) && type !== 'CreditsGranted' && JSON.parse(data).generationId === generationId;

/** What was charged against what usage and prices come to. */
function checkCost(events: readonly PackedEvent[]): string[] {
  const charge = events.find(({ type }) => type === 'ReservationSettled' || type === 'LateSettlementRecorded');
  if (!charge) return [];
  const { usage, cost, priceVersion, pricedAt } = JSON.parse(charge.data);
  try {
    const versions = new PriceVersions();
    for (const { type, data, position } of events)
      if (type === 'PricesPublished') versions.publish(JSON.parse(data), BigInt(position));
    const version = versions.get(priceVersion);
    if (!version) return [`the prices ${priceVersion} are not there`];
    const { exact, rounded } = recomputeCost(usage.classes, version, pricedAt);
    const agrees = cost.exact === `${exact}` && cost.rounded === `${rounded}`;
    return agrees ? [] : [`the cost is ${cost.rounded}, but usage and prices make it ${rounded}`];
  } catch (error) {
    return [`the cost cannot be computed again: ${(error as Error).message}`];
  }
}
