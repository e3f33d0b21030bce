import { createRequire } from 'node:module';
import { ProtobufFields, readUuid } from './protobuf-fields.js';
import { readTypeEntry } from './raw-event.js';
import type { RecentEvents } from './recent-events.js';
import type { StoredEvent } from './stored-event.js';

export { decodeRawEvent, type RawEvent } from './raw-event.js';

const require = createRequire(import.meta.url);
const { ReadReq } = require('@eventstore/db-client/generated/streams_pb.js');
const { Empty, StreamIdentifier } = require('@eventstore/db-client/generated/shared_pb.js');

const SEARCH_WINDOW = 1_000;

export type Direction = 'forwards' | 'backwards';

/**
 * ReadReq for the events of a stream from a revision on, in one direction.
 * @param fromRevision inclusive; undefined from the end that the direction begins at
 */
export function encodeStreamRead(stream: string, fromRevision: bigint | undefined, direction: Direction): Buffer {
  const options = readOptions();
  const { FORWARDS, BACKWARDS } = ReadReq.Options.ReadDirection;
  options.setReadDirection(direction === 'forwards' ? FORWARDS : BACKWARDS);
  const from = new ReadReq.Options.StreamOptions();
  const identifier = new StreamIdentifier();
  identifier.setStreamName(Buffer.from(stream));
  from.setStreamIdentifier(identifier);
  if (fromRevision !== undefined) from.setRevision(fromRevision.toString());
  else if (direction === 'forwards') from.setStart(new Empty());
  else from.setEnd(new Empty());
  options.setStream(from);
  options.setCount(Number.MAX_SAFE_INTEGER.toString());
  options.setNoFilter(new Empty());
  return encode(options);
}

/** ReadReq for a subscription to `$all` after a position, of streams whose names begin with one of the prefixes. */
export function encodeSubscription(streamPrefixes: readonly string[], after: bigint | undefined): Buffer {
  const options = allOptions(streamPrefixes, after);
  options.setSubscription(new ReadReq.Options.SubscriptionOptions());
  return encode(options);
}

/**
 * ReadReq for what there is of `$all` now, of streams whose names begin with one of the prefixes.
 * @param from commit position, inclusive: other than a subscription, a read begins with the event at it
 */
export function encodeAllRead(streamPrefixes: readonly string[], from: bigint | undefined, countMax: number): Buffer {
  const options = allOptions(streamPrefixes, from);
  options.setCount(countMax.toString());
  return encode(options);
}

/** ReadReq for the last event of `$all` in streams whose names begin with one of the prefixes. */
export function encodeLastRead(streamPrefixes: readonly string[]): Buffer {
  const options = allOptions(streamPrefixes, undefined);
  options.setReadDirection(ReadReq.Options.ReadDirection.BACKWARDS);
  options.getAll().setEnd(new Empty());
  options.setCount('1');
  return encode(options);
}

function allOptions(streamPrefixes: readonly string[], from: bigint | undefined) {
  const options = readOptions();
  const all = new ReadReq.Options.AllOptions();
  if (from === undefined) {
    all.setStart(new Empty());
  } else {
    const position = new ReadReq.Options.Position();
    position.setCommitPosition(from.toString());
    position.setPreparePosition(from.toString());
    all.setPosition(position);
  }
  options.setAll(all);
  const names = new ReadReq.Options.FilterOptions.Expression();
  names.setPrefixList([...streamPrefixes]);
  const filter = new ReadReq.Options.FilterOptions();
  filter.setStreamIdentifier(names);
  filter.setMax(SEARCH_WINDOW);
  filter.setCheckpointintervalmultiplier(1);
  options.setFilter(filter);
  return options;
}

function readOptions() {
  const options = new ReadReq.Options();
  options.setReadDirection(ReadReq.Options.ReadDirection.FORWARDS);
  options.setResolveLinks(false);
  const uuids = new ReadReq.Options.UUIDOption();
  uuids.setString(new Empty());
  options.setUuidOption(uuids);
  return options;
}

function encode(options: unknown): Buffer {
  const request = new ReadReq();
  request.setOptions(options);
  return Buffer.from(request.serializeBinary());
}

/** What one message of a read says. */
export type ReadMessage =
  | { readonly is: 'event'; readonly event: StoredEvent }
  | { readonly is: 'checkpoint'; readonly position: bigint }
  | { readonly is: 'other' };

const OTHER: ReadMessage = { is: 'other' };

/**
 * ReadResp {event 1 {event 1} | checkpoint 3 {commit_position 1} | …}; a stream that is not there is a read without events.
 * @param recent events that need not be read again
 */
export function decodeReadMessage(bytes: Buffer, recent?: RecentEvents): ReadMessage {
  const fields = new ProtobufFields(bytes);
  if (!fields.next()) return OTHER;
  if (fields.number === 1) {
    for (const read = fields.message(); read.next(); read.skip()) {
      if (read.number === 1) return { is: 'event', event: readEvent(read.message(), recent, bytes.length) };
    }
  } else if (fields.number === 3) {
    for (const checkpoint = fields.message(); checkpoint.next(); checkpoint.skip()) {
      if (checkpoint.number === 1) return { is: 'checkpoint', position: BigInt(checkpoint.integer()) };
    }
  }
  return OTHER;
}

/** RecordedEvent {id 1, stream 2 {name 3}, revision 3, prepare 4, commit 5, metadata 6, custom_metadata 7, data 8}. */
function readEvent(fields: ProtobufFields, recent: RecentEvents | undefined, bytes: number): StoredEvent {
  const event = {
    id: '',
    type: '',
    stream: '',
    revision: 0n,
    position: -1n,
    data: undefined,
    metadata: undefined as never,
  } as Writable<StoredEvent>;
  let known: StoredEvent | undefined;
  while (fields.next()) {
    switch (fields.number) {
      case 1:
        event.id = readUuid(fields.message());
        break;
      case 2:
        for (const identifier = fields.message(); identifier.next(); ) {
          if (identifier.number === 3) event.stream = identifier.text();
          else identifier.skip();
        }
        break;
      case 3:
        event.revision = BigInt(fields.integer());
        break;
      case 5:
        event.position = BigInt(fields.integer());
        // The id stands before it, and the costly part behind.
        known = recent?.find(event.position, event.id);
        if (known) return known;
        break;
      case 6:
        event.type = readTypeEntry(fields.message()) ?? event.type;
        break;
      case 7:
        event.metadata = readJson(fields) as never;
        break;
      case 8:
        event.data = readJson(fields);
        break;
      default:
        fields.skip();
    }
  }
  recent?.add(event, bytes);
  return event;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What is no JSON was not written by us; whoever folds it says so. */
function readJson(fields: ProtobufFields): unknown {
  const text = fields.text();
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
