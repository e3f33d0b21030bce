import { hash as digest } from 'node:crypto';
import { canonicalJson, quoted } from './canonical-json.js';

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
  /** The event's place among those of its command. */
  readonly index: number;
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

/** An event in its envelope, as the bytes that go to the store: both texts are canonical JSON. */
export interface EventToAppend {
  readonly id: string;
  readonly type: string;
  readonly hash: string;
  readonly dataJson: string;
  readonly metadataJson: string;
}

/** previousHash of a stream's first event. */
export const GENESIS_HASH = '0'.repeat(64);

/** Puts an event into its envelope at its place in the stream. */
export function seal(
  place: { stream: string; revision: bigint; previousHash: string },
  event: { type: string; data: object },
  cause: Cause,
  index: number,
  occurredAt: string,
  schemaVersion = 1,
): EventToAppend {
  const dataJson = canonicalJson(event.data);
  // The envelope's members in canonical order, written out around the place of the hash.
  const causation = cause.causationId === undefined ? '' : `,"causationId":${quoted(cause.causationId)}`;
  const before = `{"actor":${canonicalJson(cause.actor)}${causation},"commandId":${quoted(cause.commandId)},"correlationId":${quoted(cause.correlationId)}`;
  const after = `,"index":${index},"occurredAt":"${occurredAt}","previousHash":"${place.previousHash}","schemaVersion":${schemaVersion}}`;
  const hash = digest('sha256', hashedText(place.stream, place.revision, event.type, dataJson, before + after));
  return { id: eventId(hash), type: event.type, hash, dataJson, metadataJson: `${before},"hash":"${hash}"${after}` };
}

/**
 * The hash of an event: SHA-256 over the RFC 8785 form of {data, metadata without hash, revision, stream, type}, hex.
 * An auditor needs nothing else to recompute it.
 */
export function hashEvent(
  event: { stream: string; revision: bigint; type: string; data: object },
  metadata: Omit<EventMetadata, 'hash'>,
): string {
  return digest(
    'sha256',
    hashedText(event.stream, event.revision, event.type, canonicalJson(event.data), canonicalJson(metadata)),
  );
}

/** The canonical JSON that is hashed. */
const hashedText = (stream: string, revision: bigint, type: string, dataJson: string, metadataJson: string): string =>
  `{"data":${dataJson},"metadata":${metadataJson},"revision":"${revision}","stream":${quoted(stream)},"type":"${type}"}`;

/** The digit that says "RFC 9562" in its two high bits and keeps the two low ones. */
const VARIANTS = ['8', '9', 'a', 'b'] as const;

/**
 * The id of an event: UUID version 8 (RFC 9562, B.2: made from a SHA-256) of its hash. The same append repeated has the same ids,
 * which the store answers as before. The command and its index alone would not do: two processes that decide the same command at
 * the same revision would both be told that theirs is stored, although only the first one's is.
 */
export function eventId(hash: string): string {
  const variant = VARIANTS[Number.parseInt(hash[16] as string, 16) & 3];
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-${variant}${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}
