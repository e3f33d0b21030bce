/** What a stream's metadata stream, `$$` before its name, says about it. */
import type { ProposedEvent } from './event-block.js';
import {
  type EventTables,
  isTombstoned,
  NO_HEAD,
  NO_LIMITS,
  NUMBER_MAX,
  type StreamHead,
  type StreamLimits,
  storedHead,
} from './event-tables.js';

const PREFIX = Buffer.from('$$');
export const METADATA_TYPE: Buffer = Buffer.from('$metadata');

/** EventStoreDB's number for "all events, also those to come", which is how it deletes a stream: its largest revision. */
const TRUNCATE_ALL = 2 ** 63;
const SOFT_DELETED_JSON = '{"$tb":9223372036854775807}';

/** What each system property has to be. */
const KINDS = new Map<string, (value: unknown) => boolean>([
  ['$maxCount', Number.isInteger],
  ['$maxAge', Number.isInteger],
  ['$tb', Number.isInteger],
  ['$cacheControl', Number.isInteger],
  ['$tmp', (value) => typeof value === 'boolean'],
  ['$acl', isObject],
]);

/** The stream that a metadata stream is about; undefined where the name is not one of a metadata stream. */
export const describedStream = (streamName: Buffer): Buffer | undefined =>
  streamName.length > PREFIX.length && streamName.subarray(0, PREFIX.length).equals(PREFIX)
    ? streamName.subarray(PREFIX.length)
    : undefined;

export const metadataStreamOf = (streamName: Buffer): Buffer => Buffer.concat([PREFIX, streamName]);

/** Closed for ever: by a tombstone of its own, or, where it holds the metadata of a stream, by that stream's. */
export function isClosed(tables: EventTables, streamName: Buffer, head: StreamHead): boolean {
  const described = describedStream(streamName);
  return isTombstoned(head) || (described !== undefined && isTombstoned(storedHead(tables, described) ?? NO_HEAD));
}

/** Of a metadata stream itself, only the newest event is ever read. */
export const METADATA_STREAM_LIMITS: StreamLimits = { ...NO_LIMITS, maxCount: 1 };

/**
 * The newest metadata says all. As in EventStoreDB, metadata that are not JSON or have a system property of another type limit
 * nothing, and a number out of its range is as if it were not there.
 */
export function limitsOf({ isJson, data }: ProposedEvent): StreamLimits {
  const metadata = (isJson && parseObject(data)) || {};
  const isValid = Object.entries(metadata).every(([name, value]) => KINDS.get(name)?.(value) ?? true);
  if (!isValid) return NO_LIMITS;
  const { $maxCount: maxCount = 0, $maxAge: maxAgeSeconds = 0, $tb: truncateBefore = 0 } = metadata;
  const within = (limit: unknown): number => Math.min(Math.max(0, limit as number), NUMBER_MAX - 1);
  return {
    maxCount: within(maxCount),
    maxAgeMs: within((maxAgeSeconds as number) * 1000),
    truncateBefore: truncateBefore === TRUNCATE_ALL ? NUMBER_MAX : within(truncateBefore),
  };
}

/** The metadata that make a deleted stream begin anew at a revision; undefined where they are no JSON object. */
export function recreatedFrom(revision: number, data: Uint8Array): Buffer | undefined {
  const metadata = parseObject(data);
  return metadata && Buffer.from(JSON.stringify({ ...metadata, $tb: revision }));
}

export const SOFT_DELETED_METADATA: Buffer = Buffer.from(SOFT_DELETED_JSON);

function parseObject(data: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.length).toString());
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
