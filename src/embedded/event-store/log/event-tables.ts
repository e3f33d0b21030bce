/**
 * The LMDB tables and their keys, big-endian so that byte order is number order:
 *
 *   events     position of the block's first event        → block
 *   revisions  stream number, revision of the first event → position of the block
 *   streams    stream name (UTF-8)                        → stream number, revision of the last event, `$maxCount` if it has one
 *   counters   "removed"                                  → events removed because newer ones superseded them
 */
import { type Database, open, type RootDatabase } from 'lmdb';
import { NO_STREAM } from './decide-append.js';

/** Address space, not disk: the file grows with its content. */
const MAP_SIZE = 2 ** 40;
/** LMDB keys end at 1978 bytes. */
export const STREAM_NAME_BYTES_MAX = 1900;

export interface EventTables {
  readonly root: RootDatabase;
  readonly events: Database<Buffer, Buffer>;
  readonly revisions: Database<Buffer, Buffer>;
  readonly streams: Database<Buffer, Buffer>;
  readonly counters: Database<Buffer, Buffer>;
}

export function openTables(file: string): EventTables {
  // overlappingSync makes a commit visible before it is on disk. Off, the promise of a transaction is the fsync, and no
  // subscriber sees an event that a power cut could still take back.
  const root = open({ path: file, noSubdir: true, overlappingSync: false, mapSize: MAP_SIZE, maxDbs: 8 });
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

export interface StreamHead {
  /** `NO_NUMBER` where the stream does not exist yet, but its metadata does. */
  readonly streamNumber: number;
  readonly revision: number;
  /** Only the newest so many events are to be read. */
  readonly maxCount?: number | undefined;
}

/** Streams are numbered from 1. */
export const NO_NUMBER = 0;
const HEAD_BYTES = 12;

export function encodeHead({ streamNumber, revision, maxCount }: StreamHead): Buffer {
  const head = revisionKey(streamNumber, Math.max(0, revision));
  return maxCount === undefined ? head : Buffer.concat([head, positionKey(maxCount)]);
}

export function decodeHead(head: Buffer): StreamHead {
  const streamNumber = head.readUIntBE(0, 6);
  const revision = streamNumber === NO_NUMBER ? NO_STREAM : head.readUIntBE(6, 6);
  return { streamNumber, revision, maxCount: head.length > HEAD_BYTES ? head.readUIntBE(HEAD_BYTES, 6) : undefined };
}

/** The oldest revision that a read shows. */
export const firstRevision = ({ revision, maxCount = NUMBER_MAX }: StreamHead): number => Math.max(0, revision + 1 - maxCount);

/** Positions and revisions fit in 48 bits; what a client sends beyond means "past the end". */
export const NUMBER_MAX = 2 ** 48 - 1;
