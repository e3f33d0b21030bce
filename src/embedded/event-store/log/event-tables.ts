/**
 * The LMDB tables and their keys, big-endian so that byte order is number order:
 *
 *   events     position of the block's first event        → block
 *   revisions  stream number, revision of the first event → position of the block
 *   streams    stream name (UTF-8)                        → head: u48 stream number | u48 revision of the last event
 *                                                           | u48 maxCount, u48 maxAge (ms), u48 truncateBefore, if one is set
 *                                                           | u32 CRC-32 of the name and of what precedes
 *   counters   "removed"                                  → events removed because newer ones superseded them
 */
import { crc32 } from 'node:zlib';
import { type Database, open, type RootDatabase } from 'lmdb';
import { NO_STREAM } from './decide-append.js';
import { TOMBSTONE_REVISION } from './event-block.js';
import { LogDamaged } from './log-damaged.js';

/** Address space, not disk: the file grows with its content. */
const MAP_SIZE = 2 ** 40;
/** LMDB keys end at 1978 bytes. */
export const STREAM_NAME_BYTES_MAX = 1900;
/** The name of a stream's metadata stream is longer than its own, and a metadata stream may be deleted, which its own metadata say. */
const METADATA_PREFIXES_BYTES = 4;

export interface EventTables {
  readonly root: RootDatabase;
  readonly events: Database<Buffer, Buffer>;
  readonly revisions: Database<Buffer, Buffer>;
  readonly streams: Database<Buffer, Buffer>;
  readonly counters: Database<Buffer, Buffer>;
}

/** Those that every file has. The first ones had no counters; a node adds them, a reader cannot. */
const TABLES_ALWAYS = ['events', 'revisions', 'streams'];

/** Makes an empty file. */
export const createTables = (file: string): Promise<void> => tablesOf(openRoot(file, false)).root.close();

/** @throws where a table is missing: LMDB would begin it anew, and all that it held would seem never to have been. */
export const openTables = (file: string): EventTables => tablesOf(withAllTables(openRoot(file, false)));

/** For reading alone, beside a node that writes. Throws as `openTables` does. */
export const openTablesToRead = (file: string): EventTables => tablesOf(withAllTables(openRoot(file, true)));

function openRoot(path: string, readOnly: boolean): RootDatabase {
  // overlappingSync makes a commit visible before it is on disk. Off, the promise of a transaction is the fsync, and no
  // subscriber sees an event that a power cut could still take back.
  return open({ path, noSubdir: true, overlappingSync: false, mapSize: MAP_SIZE, maxDbs: 8, readOnly });
}

function withAllTables(root: RootDatabase): RootDatabase {
  const present = new Set(root.getKeys());
  const missing = TABLES_ALWAYS.find((name) => !present.has(name));
  if (missing === undefined) return root;
  root.close();
  throw new Error(`its table ${missing} is missing`);
}

function tablesOf(root: RootDatabase): EventTables {
  const table = (name: string): Database<Buffer, Buffer> => root.openDB({ name, encoding: 'binary', keyEncoding: 'binary' });
  return {
    root,
    events: table('events'),
    revisions: table('revisions'),
    streams: table('streams'),
    counters: table('counters'),
  };
}

export function positionKey(position: number): Buffer {
  const key = Buffer.allocUnsafe(6);
  key.writeUIntBE(position, 0, 6);
  return key;
}

export function revisionKey(streamNumber: number, revision: number): Buffer {
  const key = Buffer.allocUnsafe(12);
  key.writeUIntBE(streamNumber, 0, 6);
  key.writeUIntBE(revision, 6, 6);
  return key;
}

/** What a stream's metadata takes out of its reads. A limit that is not set is 0. */
export interface StreamLimits {
  /** Only the newest so many events are read. */
  readonly maxCount: number;
  /** Only events not older than this are read. */
  readonly maxAgeMs: number;
  /** Only this revision and those after it are read; `NUMBER_MAX` in a stream that is deleted and may be written again. */
  readonly truncateBefore: number;
}

export interface StreamHead {
  /** `NO_NUMBER` where the stream does not exist yet, but its metadata does. */
  readonly streamNumber: number;
  /** Of the newest event; `NO_STREAM` where there is none, `TOMBSTONE_REVISION` in a stream that is closed for ever. */
  readonly revision: number;
  readonly limits: StreamLimits;
}

/** Streams are numbered from 1. */
export const NO_NUMBER = 0;
export const NO_LIMITS: StreamLimits = { maxCount: 0, maxAgeMs: 0, truncateBefore: 0 };
export const NO_HEAD: StreamHead = { streamNumber: NO_NUMBER, revision: NO_STREAM, limits: NO_LIMITS };

/** Behind them lie the limits, if there are any, and the checksum. */
const NUMBERS_BYTES = 12;
const LIMITS_BYTES = 18;
const CHECKSUM_BYTES = 4;
/** Of the limits, the oldest files have the count alone. */
const COUNT_BYTES = 6;

/** The checksum goes over the name, too: so that the head of another stream is not taken for this one's. */
export function encodeHead(streamName: Buffer, { streamNumber, revision, limits }: StreamHead): Buffer {
  const { maxCount, maxAgeMs, truncateBefore } = limits;
  const isLimited = maxCount > 0 || maxAgeMs > 0 || truncateBefore > 0;
  const checksumAt = NUMBERS_BYTES + (isLimited ? LIMITS_BYTES : 0);
  const head = Buffer.allocUnsafe(checksumAt + CHECKSUM_BYTES);
  head.writeUIntBE(streamNumber, 0, 6);
  head.writeUIntBE(Math.max(0, revision), 6, 6);
  if (isLimited) {
    head.writeUIntBE(maxCount, NUMBERS_BYTES, 6);
    head.writeUIntBE(maxAgeMs, NUMBERS_BYTES + 6, 6);
    head.writeUIntBE(truncateBefore, NUMBERS_BYTES + 12, 6);
  }
  head.writeUInt32BE(checksumOf(streamName, head.subarray(0, checksumAt)), checksumAt);
  return head;
}

/** @throws LogDamaged where it is not as it was written */
export function decodeHead(streamName: Buffer, head: Buffer): StreamHead {
  const limitsBytes = limitsBytesOf(streamName, head);
  const streamNumber = head.readUIntBE(0, 6);
  const revision = streamNumber === NO_NUMBER ? NO_STREAM : head.readUIntBE(6, 6);
  if (limitsBytes === 0) return { streamNumber, revision, limits: NO_LIMITS };
  const hasAllLimits = limitsBytes === LIMITS_BYTES;
  const limits = {
    maxCount: head.readUIntBE(NUMBERS_BYTES, 6),
    maxAgeMs: hasAllLimits ? head.readUIntBE(NUMBERS_BYTES + 6, 6) : 0,
    truncateBefore: hasAllLimits ? head.readUIntBE(NUMBERS_BYTES + 12, 6) : 0,
  };
  return { streamNumber, revision, limits };
}

/** Heads without a checksum are read, but no longer written; the length tells which they are. */
function limitsBytesOf(streamName: Buffer, head: Buffer): number {
  switch (head.length) {
    case NUMBERS_BYTES:
    case NUMBERS_BYTES + COUNT_BYTES:
    case NUMBERS_BYTES + LIMITS_BYTES:
      return head.length - NUMBERS_BYTES;
    case NUMBERS_BYTES + CHECKSUM_BYTES:
    case NUMBERS_BYTES + LIMITS_BYTES + CHECKSUM_BYTES:
      requireChecksum(streamName, head);
      return head.length - NUMBERS_BYTES - CHECKSUM_BYTES;
    default:
      throw damagedHead(streamName, 'its length is unknown');
  }
}

function requireChecksum(streamName: Buffer, head: Buffer): void {
  const checksumAt = head.length - CHECKSUM_BYTES;
  if (head.readUInt32BE(checksumAt) !== checksumOf(streamName, head.subarray(0, checksumAt))) {
    throw damagedHead(streamName, 'its checksum is not that of its bytes');
  }
}

const checksumOf = (streamName: Buffer, head: Buffer): number => crc32(head, crc32(streamName));

const damagedHead = (streamName: Buffer, what: string): LogDamaged =>
  new LogDamaged(`The head of the stream ${streamName} is damaged: ${what}.`);

/**
 * Undefined where neither the stream nor its metadata were ever written.
 * @throws LogDamaged
 */
export function storedHead({ streams }: EventTables, streamName: Buffer): StreamHead | undefined {
  if (streamName.length === 0 || streamName.length > STREAM_NAME_BYTES_MAX + METADATA_PREFIXES_BYTES) return undefined;
  const head = streams.get(streamName);
  return head && decodeHead(streamName, head);
}

export const isTombstoned = ({ revision }: StreamHead): boolean => revision === TOMBSTONE_REVISION;

export const isSoftDeleted = ({ limits }: StreamHead): boolean => limits.truncateBefore === NUMBER_MAX;

/** The oldest revision within `$maxCount`. */
export const firstRevisionByCount = ({ revision, limits: { maxCount } }: StreamHead): number =>
  maxCount === 0 ? 0 : Math.max(0, revision + 1 - maxCount);

/** Positions and revisions fit in 48 bits; what a client sends beyond means "past the end". */
export const NUMBER_MAX = 2 ** 48 - 1;
