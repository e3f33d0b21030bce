/** What the node does not take, asked before anything is queued. */
import { isUtf8 } from 'node:buffer';
import type { ProposedEvent } from '../log/event-block.js';
import { STREAM_NAME_BYTES_MAX } from '../log/event-tables.js';
import { describedStream } from '../log/stream-metadata.js';
import type { RequestMemory } from '../server/request-memory.js';

export const APPEND_SIZE_MAX = 1024 * 1024;

/** Of all that an append carries, so that names and metadata have a bound, too. */
const APPEND_BYTES_MAX = 16 * 1024 * 1024;

/** What an event takes in the log beside its bytes, also when it has none. */
const EVENT_COST_BYTES = 64;
/** And in memory. */
export const EVENT_HELD_BYTES = 512;

export interface AppendBounds {
  /** Bytes of data in one append. */
  readonly maxAppendSize: number;
  readonly memory: RequestMemory;
}

/** How much of an append has come. */
export interface AppendSize {
  /** Of the data alone, which is what EventStoreDB measures by its maximum. */
  dataBytes: number;
  bytes: number;
}

export function addTo(size: AppendSize, { type, metadata, data }: ProposedEvent): void {
  size.dataBytes += data.length;
  size.bytes += EVENT_COST_BYTES + type.length + metadata.length + data.length;
}

export const isTooLarge = ({ dataBytes, bytes }: AppendSize, maxAppendSize: number): boolean =>
  dataBytes > maxAppendSize || bytes > Math.max(maxAppendSize, APPEND_BYTES_MAX);

/** Why no stream can have this name. */
export function nameRefusalOf(streamName: Buffer): string | undefined {
  if (streamName.length === 0) return 'A stream name must not be empty.';
  if ((describedStream(streamName) ?? streamName).length > STREAM_NAME_BYTES_MAX) {
    return `A stream name must not exceed ${STREAM_NAME_BYTES_MAX} bytes.`;
  }
  return isUtf8(streamName) ? undefined : 'A stream name must be UTF-8.';
}
