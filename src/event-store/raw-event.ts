/** Reading events without parsing them. By itself, so that a thread that only audits does not load the client's generated classes. */
import { ProtobufFields, readUuid } from './protobuf-fields.js';

/** An event whose content is still the text that was stored: what was hashed is checked on that, not on a parsed copy. */
export interface RawEvent {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly revision: number;
  readonly position: bigint;
  readonly dataText: string;
  readonly metadataText: string;
}

/** The event of a message of `readAllMessages`. */
export function decodeRawEvent(bytes: Buffer): RawEvent {
  const fields = new ProtobufFields(bytes);
  while (fields.next()) {
    if (fields.number === 1) {
      for (const read = fields.message(); read.next(); read.skip()) {
        if (read.number === 1) return readRawEvent(read.message());
      }
    }
    fields.skip();
  }
  throw new RangeError('a message of the event store holds no event');
}

function readRawEvent(fields: ProtobufFields): RawEvent {
  const event = {
    id: '',
    type: '',
    stream: '',
    revision: 0,
    position: -1n,
    dataText: '',
    metadataText: '',
  } as Writable<RawEvent>;
  while (fields.next()) {
    if (fields.number === 1) event.id = readUuid(fields.message());
    else if (fields.number === 2) event.stream = readStreamName(fields.message()) ?? event.stream;
    else if (fields.number === 3) event.revision = fields.integer();
    // Skipped as a number of any size, the prepare position would be made a bigint first.
    else if (fields.number === 4) fields.integer();
    else if (fields.number === 5) event.position = BigInt(fields.integer());
    else if (fields.number === 6) event.type = readTypeEntry(fields.message()) ?? event.type;
    else if (fields.number === 7) event.metadataText = fields.text();
    else if (fields.number === 8) event.dataText = fields.text();
    else fields.skip();
  }
  return event;
}

function readStreamName(identifier: ProtobufFields): string | undefined {
  let name: string | undefined;
  while (identifier.next()) {
    if (identifier.number === 3) name = identifier.text();
    else identifier.skip();
  }
  return name;
}

/** A map entry {key 1, value 2}: the event's type where the key says so. */
export function readTypeEntry(entry: ProtobufFields): string | undefined {
  let isType = false;
  let value: string | undefined;
  while (entry.next()) {
    if (entry.number === 1) isType = entry.text('latin1') === 'type';
    else value = entry.text();
  }
  return isType ? value : undefined;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
