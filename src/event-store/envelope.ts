import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';

/**
 * What surrounds every event of a ledger: who caused it, when, and the hash chain. `hash` covers the event, its place and
 * its envelope; `previousHash` is the hash of the event before it in the same stream, so that an edit, a gap, a swap or a
 * moved event is found by recomputing.
 */
export interface EventMetadata {
  readonly commandId: string;
  readonly correlationId: string;
  readonly causationId?: string;
  readonly actor: Actor;
  readonly schemaVersion: number;
  /** ISO 8601, UTC, milliseconds: the gateway's clock at the decision, never before the stream's last event. */
  readonly occurredAt: string;
  readonly previousHash: string;
  readonly hash: string;
}

/** Who acts, as an opaque id. Never personal data. */
export interface Actor {
  readonly type: 'api_key' | 'administrator' | 'job' | 'system';
  readonly id: string;
}

/** What the caller of a command knows about its cause. */
export interface Cause {
  readonly commandId: string;
  readonly correlationId: string;
  readonly causationId?: string;
  readonly actor: Actor;
}

export interface EventToAppend {
  readonly id: string;
  readonly type: string;
  readonly data: object;
  readonly metadata: EventMetadata;
}

/** previousHash of a stream's first event. */
export const GENESIS_HASH = '0'.repeat(64);
/** Namespace of event ids: an id is the UUIDv5 of the command's id and the event's index, so a retry repeats the same id. */
const EVENT_ID_NAMESPACE = Buffer.from('6f1d3c1e8a4b5c7d9e0f2a3b4c5d6e7f', 'hex');

/** Puts an event into its envelope at its place in the stream. */
export function seal(
  place: { stream: string; revision: bigint; previousHash: string },
  event: { type: string; data: object },
  cause: Cause,
  index: number,
  occurredAt: string,
  schemaVersion = 1,
): EventToAppend {
  const id = uuidV5(`${cause.commandId}:${index}`);
  const envelope = {
    actor: cause.actor,
    ...(cause.causationId === undefined ? {} : { causationId: cause.causationId }),
    commandId: cause.commandId,
    correlationId: cause.correlationId,
    occurredAt,
    previousHash: place.previousHash,
    schemaVersion,
  };
  const hash = hashEvent({ id, stream: place.stream, revision: place.revision, type: event.type, data: event.data }, envelope);
  return { id, type: event.type, data: event.data, metadata: { ...envelope, hash } };
}

/**
 * The hash of an event: SHA-256 over the RFC 8785 form of {data, id, metadata without hash, revision, stream, type}, hex.
 * An auditor needs nothing else to recompute it.
 */
export function hashEvent(
  event: { id: string; stream: string; revision: bigint; type: string; data: object },
  metadata: Omit<EventMetadata, 'hash'>,
): string {
  const canonical = canonicalJson({
    data: event.data,
    id: event.id,
    metadata,
    revision: event.revision.toString(),
    stream: event.stream,
    type: event.type,
  });
  return createHash('sha256').update(canonical).digest('hex');
}

/** UUID version 5 (RFC 9562): deterministic from a name. */
function uuidV5(name: string): string {
  const digest = createHash('sha1').update(EVENT_ID_NAMESPACE).update(name).digest();
  digest[6] = ((digest[6] as number) & 0x0f) | 0x50;
  digest[8] = ((digest[8] as number) & 0x3f) | 0x80;
  const hex = digest.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
