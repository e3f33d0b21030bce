/** Reads BatchAppendReq of event_store.client.streams. Payloads stay views of the received buffer until they are written. */
import type { ExpectedRevision } from '../log/decide-append.js';
import type { ProposedEvent } from '../log/event-block.js';
import { ProtobufReader } from '../server/protobuf.js';
import { parseUuid } from '../server/uuid.js';
import { NO_EXPECTATION } from './expected-revision.js';
import { proposedEventOf } from './proposed-event.js';

export interface BatchAppendRequest {
  /** The encoded UUID message, returned as it came. */
  readonly correlationId: Buffer;
  /** With the first message of an append only. */
  readonly options: BatchAppendOptions | undefined;
  readonly events: ProposedEvent[];
  /** Why an event of this message, or all of its append, cannot be stored. */
  readonly refusal: string | undefined;
  readonly isFinal: boolean;
  /** Length of the message that all of these are views of. */
  readonly bytes: number;
}

export interface BatchAppendOptions {
  readonly streamName: Buffer;
  readonly expectedRevision: ExpectedRevision;
  readonly deadlineMs: number;
}

const EMPTY = Buffer.alloc(0);
const TYPE = Buffer.from('type');
const CONTENT_TYPE = Buffer.from('content-type');

export function decodeBatchAppendRequest(source: Buffer): BatchAppendRequest {
  let correlationId: Buffer = EMPTY;
  let options: BatchAppendOptions | undefined;
  let refusal: string | undefined;
  let isFinal = false;
  const events: ProposedEvent[] = [];
  const reader = new ProtobufReader(source);
  while (reader.next()) {
    if (reader.field === 1) correlationId = reader.bytes();
    else if (reader.field === 2) {
      const decoded = decodeOptions(reader.message());
      options = decoded.options;
      refusal ??= decoded.refusal;
    } else if (reader.field === 3) {
      const event = decodeEvent(reader.message());
      if (typeof event === 'string') refusal ??= event;
      else events.push(event);
    } else if (reader.field === 4) isFinal = reader.uint() !== 0;
    else reader.skip();
  }
  return { correlationId, options, events, refusal, isFinal, bytes: source.length };
}

function decodeOptions(reader: ProtobufReader): { options: BatchAppendOptions; refusal: string | undefined } {
  let streamName: Buffer = EMPTY;
  let expectedRevision: ExpectedRevision | undefined;
  let deadlineMs = Number.POSITIVE_INFINITY;
  while (reader.next()) {
    if (reader.field === 1) streamName = decodeLastBytes(reader.message(), 3);
    else if (reader.field === 2) expectedRevision = reader.uint();
    else if (reader.field === 6) deadlineMs = decodeTimestamp(reader.message());
    else {
      if (reader.field === 3) expectedRevision = 'no_stream';
      else if (reader.field === 4) expectedRevision = 'any';
      else if (reader.field === 5) expectedRevision = 'stream_exists';
      reader.skip();
    }
  }
  const refusal = expectedRevision === undefined ? NO_EXPECTATION : undefined;
  // Also one that is refused: the answer repeats an expectation all the same.
  return { options: { streamName, expectedRevision: expectedRevision ?? 'any', deadlineMs }, refusal };
}

/** google.protobuf.Timestamp { seconds = 1, nanos = 2 }. */
function decodeTimestamp(reader: ProtobufReader): number {
  let seconds = 0;
  let nanos = 0;
  while (reader.next()) {
    if (reader.field === 1) seconds = reader.uint();
    else if (reader.field === 2) nanos = reader.uint();
    else reader.skip();
  }
  // Before 1970 they are negative, which a varint carries as a number of 64 bits.
  return seconds >= 2 ** 63 ? Number.NEGATIVE_INFINITY : seconds * 1000 + nanos / 1e6;
}

function decodeEvent(reader: ProtobufReader): ProposedEvent | string {
  let id: Buffer | undefined;
  let type: Buffer | undefined;
  let contentType: Buffer | undefined;
  let metadata: Buffer = EMPTY;
  let data: Buffer = EMPTY;
  while (reader.next()) {
    if (reader.field === 1) id = parseUuid(decodeLastBytes(reader.message(), 2));
    else if (reader.field === 2) {
      const [key, value] = decodeMapEntry(reader.message());
      if (key.equals(TYPE)) type = value;
      else if (key.equals(CONTENT_TYPE)) contentType = value;
    } else if (reader.field === 3) metadata = reader.bytes();
    else if (reader.field === 4) data = reader.bytes();
    else reader.skip();
  }
  return proposedEventOf({ id, type, contentType, metadata, data });
}

function decodeMapEntry(reader: ProtobufReader): [key: Buffer, value: Buffer] {
  let key: Buffer = EMPTY;
  let value: Buffer = EMPTY;
  while (reader.next()) {
    if (reader.field === 1) key = reader.bytes();
    else if (reader.field === 2) value = reader.bytes();
    else reader.skip();
  }
  return [key, value];
}

/** The bytes of one field of a message of which nothing else matters. */
function decodeLastBytes(reader: ProtobufReader, field: number): Buffer {
  let bytes: Buffer = EMPTY;
  while (reader.next()) {
    if (reader.field === field) bytes = reader.bytes();
    else reader.skip();
  }
  return bytes;
}
