/**
 * ReadResp messages of event_store.client.streams, as EventStoreDB 24.10 sends them. An event is written in one pass into one
 * buffer: it is the message that a catch-up reads by the million.
 */
import { type EventCursor, TOMBSTONE_REVISION } from '../log/event-block.js';
import { bytesField, ProtobufReader, varintField, varintSize, writeVarint } from '../server/protobuf.js';
import { writeUuidText } from '../server/uuid.js';

const UUID_TEXT_LENGTH = 36;
/** Id as UUID { string = 2 } in field 1: fixed 40 bytes. */
const ID_PREFIX = Buffer.from([0x0a, UUID_TEXT_LENGTH + 2, 0x12, UUID_TEXT_LENGTH]);
const METADATA_TAG = 0x32;
const mapKey = (key: string): Buffer => bytesField(1, Buffer.from(key));
const contentType = (value: string): Buffer =>
  bytesField(6, Buffer.concat([mapKey('content-type'), bytesField(2, Buffer.from(value))]));
const JSON_CONTENT = contentType('application/json');
const BYTES_CONTENT = contentType('application/octet-stream');
const TYPE_KEY = mapKey('type');
const CREATED_KEY = mapKey('created');

/** EventStoreDB's number for the event that closes a stream, 2^63 - 1, which no JavaScript number is. */
const TOMBSTONE_REVISION_VARINT = Buffer.from('ffffffffffffffff7f', 'hex');

const lengthDelimitedSize = (length: number): number => 1 + varintSize(length) + length;

export function encodeEvent(event: EventCursor): Buffer {
  const { position, revision, typeLength, metadataLength, dataLength, streamNameLength } = event;
  // `created` is in ticks of 100 ns since 1970. As a number it would pass 2^53.
  const created = `${event.createdMs}0000`;
  const content = event.isJson ? JSON_CONTENT : BYTES_CONTENT;
  const positionSize = varintSize(position);
  const streamSize = lengthDelimitedSize(streamNameLength);
  const typeEntrySize = TYPE_KEY.length + lengthDelimitedSize(typeLength);
  const createdEntrySize = CREATED_KEY.length + lengthDelimitedSize(created.length);
  const recordedSize =
    ID_PREFIX.length +
    UUID_TEXT_LENGTH +
    lengthDelimitedSize(streamSize) +
    (1 + revisionSize(revision)) +
    2 * (1 + positionSize) +
    lengthDelimitedSize(typeEntrySize) +
    content.length +
    lengthDelimitedSize(createdEntrySize) +
    lengthDelimitedSize(metadataLength) +
    lengthDelimitedSize(dataLength);
  const readEventSize = lengthDelimitedSize(recordedSize) + 1 + positionSize;

  const { block } = event;
  const target = Buffer.allocUnsafe(lengthDelimitedSize(readEventSize));
  let at = writeHeader(target, 0, 0x0a, readEventSize);
  at = writeHeader(target, at, 0x0a, recordedSize);
  target.set(ID_PREFIX, at);
  writeUuidText(target, at + ID_PREFIX.length, block, event.idAt);
  at = writeHeader(target, at + ID_PREFIX.length + UUID_TEXT_LENGTH, 0x12, streamSize);
  at = writeHeader(target, at, 0x1a, streamNameLength);
  at += block.copy(target, at, event.streamNameAt, event.streamNameAt + streamNameLength);
  at = writeRevision(target, at, revision);
  at = writeHeader(target, at, 0x20, position);
  at = writeHeader(target, at, 0x28, position);
  at = writeHeader(target, at, METADATA_TAG, typeEntrySize);
  target.set(TYPE_KEY, at);
  at = writeHeader(target, at + TYPE_KEY.length, 0x12, typeLength);
  at += block.copy(target, at, event.typeAt, event.typeAt + typeLength);
  target.set(content, at);
  at = writeHeader(target, at + content.length, METADATA_TAG, createdEntrySize);
  target.set(CREATED_KEY, at);
  at = writeHeader(target, at + CREATED_KEY.length, 0x12, created.length);
  at += target.write(created, at, 'latin1');
  at = writeHeader(target, at, 0x3a, metadataLength);
  at += block.copy(target, at, event.metadataAt, event.metadataAt + metadataLength);
  at = writeHeader(target, at, 0x42, dataLength);
  at += block.copy(target, at, event.dataAt, event.dataAt + dataLength);
  writeHeader(target, at, 0x18, position);
  return target;
}

/**
 * An event that links to another, and the one that it resolves to, if it does. Both are taken out of what `encodeEvent` makes of
 * them, since their encoding is the same.
 */
export function encodeResolvedLink(link: EventCursor, target: EventCursor | undefined): Buffer {
  const fields = [bytesField(2, recordedEvent(encodeEvent(link))), varintField(3, link.position)];
  if (target) fields.unshift(bytesField(1, recordedEvent(encodeEvent(target))));
  return bytesField(1, Buffer.concat(fields));
}

/** The RecordedEvent in a ReadResp { event = 1: ReadEvent { event = 1 } }. */
function recordedEvent(response: Buffer): Buffer {
  const levels = new ProtobufReader(response);
  levels.next();
  const readEvent = levels.message();
  readEvent.next();
  return readEvent.bytes();
}

const revisionSize = (revision: number): number =>
  revision === TOMBSTONE_REVISION ? TOMBSTONE_REVISION_VARINT.length : varintSize(revision);

function writeRevision(target: Buffer, at: number, revision: number): number {
  if (revision !== TOMBSTONE_REVISION) return writeHeader(target, at, 0x18, revision);
  target[at] = 0x18;
  target.set(TOMBSTONE_REVISION_VARINT, at + 1);
  return at + 1 + TOMBSTONE_REVISION_VARINT.length;
}

/** A tag and the varint after it: the length of what follows, or the value itself. */
function writeHeader(target: Buffer, at: number, tag: number, value: number): number {
  target[at] = tag;
  return writeVarint(target, at + 1, value);
}

export function encodeConfirmation(subscriptionId: string): Buffer {
  return bytesField(2, bytesField(1, Buffer.from(subscriptionId)));
}

export function encodeCheckpoint(position: number): Buffer {
  return bytesField(3, Buffer.concat([varintField(1, position), varintField(2, position)]));
}

export function encodeStreamNotFound(streamName: Buffer): Buffer {
  return bytesField(4, bytesField(1, bytesField(3, streamName)));
}

export const CAUGHT_UP = bytesField(8, Buffer.alloc(0));
