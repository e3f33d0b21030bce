/** What the node does not take, asked before anything is queued. */
import type { ProposedEvent } from '../log/event-block.js';
import { STREAM_NAME_BYTES_MAX } from '../log/event-tables.js';
import { describedStream } from '../log/stream-metadata.js';

export const APPEND_SIZE_MAX = 1024 * 1024;

const TYPE_BYTES_MAX = 0xffff;

/** As EventStoreDB counts it: payloads, and the type in UTF-16. */
export function appendSize({ type, metadata, data }: ProposedEvent): number {
  return 2 * type.length + metadata.length + data.length;
}

/** Why events cannot be appended to a stream of this name. */
export function refusalOf(streamName: Buffer, events: readonly ProposedEvent[] = []): string | undefined {
  if (streamName.length === 0) return 'A stream name must not be empty.';
  if ((describedStream(streamName) ?? streamName).length > STREAM_NAME_BYTES_MAX) {
    return `A stream name must not exceed ${STREAM_NAME_BYTES_MAX} bytes.`;
  }
  if (events.some(({ type }) => type.length > TYPE_BYTES_MAX)) return `An event type must not exceed ${TYPE_BYTES_MAX} bytes.`;
  return undefined;
}
