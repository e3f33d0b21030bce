/** Bytes that no client of ours would send, and calls that end in the middle: the node says no, and serves everybody else. */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { createConnection, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import {
  BACKWARDS,
  binaryEvent,
  END,
  EventStoreDBClient,
  eventTypeFilter,
  jsonEvent,
  type ResolvedEvent,
  START,
  StreamNotFoundError,
} from '@eventstore/db-client';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { dataFileOf } from '../../src/embedded/event-store/log/data-file.js';
import { type EventTables, openTables } from '../../src/embedded/event-store/log/event-tables.js';
import { bytesField, varintField } from '../../src/embedded/event-store/server/protobuf.js';
import { type ForkedNode, forkNode, temporaryDirectory } from '../support/event-store-node.js';

let dataDir: string;
let node: ForkedNode;
let client: EventStoreDBClient;
let socket: Socket;
let session: ClientHttp2Session;
const sessions: ClientHttp2Session[] = [];
const calls: ClientHttp2Stream[] = [];

// A process of its own: what keeps the node busy for ever must not keep the test so, too.
beforeAll(() => {
  execFileSync('npm', ['run', 'build'], { stdio: 'ignore' });
});

beforeEach(async () => {
  dataDir = await temporaryDirectory();
  node = await forkNode(dataDir);
  client = EventStoreDBClient.connectionString(node.connectionString);
  openSession();
});

afterEach(async () => {
  // First: Node 20 loses its own heap where a session is destroyed with much still to be written.
  await Promise.all(calls.splice(0).map(cancelled));
  for (const opened of sessions.splice(0)) opened.destroy();
  await client.dispose();
  await node.kill();
  await rm(dataDir, { recursive: true });
});

function openSession(): void {
  socket = createConnection(node.port, '127.0.0.1');
  session = connect(`http://127.0.0.1:${node.port}`, { createConnection: () => socket, maxSessionMemory: 1_000 });
  session.on('error', () => {});
  sessions.push(session);
}

/** The node is there for others. */
const goesOn = async (): Promise<void> => {
  expect((await client.appendToStream('beside', jsonEvent({ type: 'Beside', data: {} }))).success).toBe(true);
};

async function eventsOf(store: EventStoreDBClient, stream: string): Promise<ResolvedEvent[]> {
  const events: ResolvedEvent[] = [];
  for await (const event of store.readStream(stream)) events.push(event);
  return events;
}

const text = (field: number, content: string): Buffer => bytesField(field, Buffer.from(content));
const message = (field: number, ...fields: Buffer[]): Buffer => bytesField(field, Buffer.concat(fields));
const streamNamed = (name: string): Buffer => message(1, text(3, name));
const uuid = (field: number): Buffer => message(field, text(2, randomUUID()));
const typed = (type: string): Buffer =>
  Buffer.concat([
    message(2, text(1, 'type'), text(2, type)),
    message(2, text(1, 'content-type'), text(2, 'application/octet-stream')),
  ]);
const ANY = bytesField(4, Buffer.alloc(0));

/** AppendReq: the options, then an event each. */
const appendOptions = (stream: string): Buffer => message(1, streamNamed(stream), ANY);
const appendEvent = (type: string, dataBytes = 0): Buffer =>
  message(2, uuid(1), typed(type), bytesField(4, Buffer.alloc(dataBytes)));

/** BatchAppendReq. */
const batchOptions = (expectation = ANY): Buffer => message(2, streamNamed('s'), expectation);
const batchEvent = (): Buffer => message(3, uuid(1), typed('Batch'));
const batch = (...fields: Buffer[]): Buffer => Buffer.concat([uuid(1), ...fields]);
const FINAL = varintField(4, 1);
const MIB = 2 ** 20;
const largeAppend = (): Buffer =>
  framed(batch(batchOptions(), message(3, uuid(1), typed('Large'), bytesField(4, Buffer.alloc(1_000_000))), FINAL));
/** What comes before a message of this length. */
const begun = (length: number): Buffer => framed(Buffer.alloc(length)).subarray(0, 5);

function framed(content: Buffer): Buffer {
  const frame = Buffer.alloc(5 + content.length);
  frame.writeUInt32BE(content.length, 1);
  frame.set(content, 5);
  return frame;
}

/** Resolves when all that was written has left. */
const sent = (stream: ClientHttp2Stream): Promise<void> => new Promise((resolve) => stream.write('', () => resolve()));

/** One process writes to the file at a time. */
async function whileNothingIsCommitted<Result>({ root }: EventTables, act: () => Promise<Result>): Promise<Result> {
  return root.transactionSync(act);
}

/** Resolves when the node answers, and reads nothing else. */
async function noMoreIsTaken(): Promise<void> {
  const pingBytes = 100;
  for (let before = -1, turns = 0; turns < 50; turns = socket.bytesWritten > before + pingBytes ? 0 : turns + 1) {
    before = socket.bytesWritten;
    await new Promise((resolve) => session.ping(resolve));
  }
}

async function cancelled(stream: ClientHttp2Stream): Promise<void> {
  if (stream.closed) return;
  stream.close(constants.NGHTTP2_CANCEL);
  await once(stream, 'close');
}

function call(method: string, headers: Record<string, string> = {}): ClientHttp2Stream {
  const stream = session.request({
    ...headers,
    ':method': 'POST',
    ':path': `/event_store.client.streams.Streams/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => {});
  calls.push(stream);
  return stream;
}

/** The status by which the node ends a call. */
async function statusOf(stream: ClientHttp2Stream): Promise<{ code: number; details: string }> {
  const fromHeaders = once(stream, 'response').then(([headers]) => headers as Record<string, string>);
  const fromTrailers = once(stream, 'trailers').then(([trailers]) => trailers as Record<string, string>);
  stream.resume();
  const headers = await fromHeaders;
  const last = headers['grpc-status'] === undefined ? await fromTrailers : headers;
  fromTrailers.catch(() => {});
  return { code: Number(last['grpc-status']), details: decodeURIComponent(last['grpc-message'] ?? '') };
}

describe('an append whose call is cut off before its end', () => {
  const CUTS: Record<string, (stream: ClientHttp2Stream) => void> = {
    'by its client': (stream) => stream.close(constants.NGHTTP2_CANCEL),
    'with its session': () => session.destroy(),
    'with its connection': () => socket.resetAndDestroy(),
    'with the end of its connection': () => socket.end(),
  };
  test.each(Object.entries(CUTS))('%s is not stored, nor any part of it', async (_, cut) => {
    const event = framed(appendEvent('Cut', 1_000));
    for (let n = 0; n < 40; n++) {
      openSession();
      const stream = call('Append');
      stream.write(framed(appendOptions('cut')));
      for (let written = 0; written < 1_000; written++) stream.write(event);
      // Somewhere in the middle, each time somewhere else.
      for (let turn = 0; turn < n; turn++) await setImmediate();
      cut(stream);
    }
    await node.stop();
    node = await forkNode(dataDir);
    const again = EventStoreDBClient.connectionString(node.connectionString);
    await expect(eventsOf(again, 'cut')).rejects.toBeInstanceOf(StreamNotFoundError);
    await again.dispose();
  });
});

test('an append that its client cancels while nothing is on the way is not stored, nor any part of it', async () => {
  // Node's own client ends the stream, as after the last event, before it resets it.
  for (let n = 0; n < 40; n++) {
    const stream = call('Append');
    stream.write(framed(appendOptions('cut')));
    for (let written = 0; written < 10; written++) stream.write(framed(appendEvent('Cut', 1_000)));
    await sent(stream);
    await cancelled(stream);
  }
  await goesOn();
  await expect(eventsOf(client, 'cut')).rejects.toBeInstanceOf(StreamNotFoundError);
});

test('an append that ends in the middle of an event is refused, and nothing of it is stored', async () => {
  const event = framed(appendEvent('Half', 1_000));
  for (const half of [event.subarray(0, 3), event.subarray(0, 500)]) {
    const stream = call('Append');
    for (const whole of [framed(appendOptions('half')), event, event]) stream.write(whole);
    stream.end(half);
    expect(await statusOf(stream)).toEqual({
      code: status.INTERNAL,
      details: 'The request ends in the middle of a message.',
    });
  }
  await expect(eventsOf(client, 'half')).rejects.toBeInstanceOf(StreamNotFoundError);
});

test('a stream name that is not UTF-8 is refused', async () => {
  const stream = call('Append');
  const name = bytesField(3, Buffer.from([0x61, 0xff, 0x62]));
  stream.write(framed(message(1, message(1, name), bytesField(4, Buffer.alloc(0)))));
  stream.end(framed(appendEvent('Named')));
  const refusal = { code: status.INVALID_ARGUMENT, details: 'A stream name must be UTF-8.' };
  expect(await statusOf(stream)).toEqual(refusal);
});

describe('numbers without end', () => {
  const ENDLESS = {
    'that are infinite': Buffer.concat([Buffer.alloc(150, 0xff), Buffer.from([1])]),
    'that are no numbers': Buffer.concat([Buffer.alloc(160, 0x80), Buffer.from([1])]),
  };
  test.each(Object.entries(ENDLESS))('%s end their call', async (_, endless) => {
    const revision = Buffer.concat([Buffer.from([2 << 3]), endless]);
    const stream = call('BatchAppend');
    stream.write(framed(batch(batchOptions(revision), batchEvent(), FINAL)));
    expect((await statusOf(stream)).code).toBe(status.INTERNAL);
    await goesOn();
  });
});

test('a type that the log has no room for is refused, and the appends beside it are not', async () => {
  const refusals: Promise<{ code: number; details: string }>[] = [];
  const appends: Promise<{ success: boolean }>[] = [];
  for (let n = 0; n < 20; n++) {
    const stream = call('Append');
    refusals.push(statusOf(stream));
    stream.write(framed(appendOptions('long')));
    stream.end(framed(appendEvent('x'.repeat(70_000))));
    appends.push(client.appendToStream(`beside-${n}`, jsonEvent({ type: 'Beside', data: {} })));
  }
  const refusal = { code: status.INVALID_ARGUMENT, details: 'An event type must not exceed 65535 bytes.' };
  expect(await Promise.all(refusals)).toEqual(refusals.map(() => refusal));
  expect((await Promise.all(appends)).map(({ success }) => success)).toEqual(appends.map(() => true));
});

describe('a regular expression', () => {
  const slow = 'a'.repeat(60);

  test('that backtracks without end is matched all the same', async () => {
    await client.appendToStream('s', [jsonEvent({ type: `${slow}b`, data: {} }), jsonEvent({ type: slow, data: {} })]);
    const subscription = client.subscribeToAll({ fromPosition: START, filter: eventTypeFilter({ regex: '^(a+)+$' }) });
    const [{ event }] = await once(subscription, 'data');
    expect(event.type).toBe(slow);
    await subscription.unsubscribe();
  });

  test('that backtracks without end and can only be tried ends its call', async () => {
    await client.appendToStream('s', jsonEvent({ type: `${slow}b`, data: {} }));
    const subscription = client.subscribeToAll({ fromPosition: START, filter: eventTypeFilter({ regex: '^(?!b)(a+)+$' }) });
    await expect(once(subscription, 'data')).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      message: expect.stringContaining('takes more than 100 ms'),
    });
    await goesOn();
  });

  test('that is slow by its length, for a long name, ends its call', async () => {
    await client.appendToStream('s', jsonEvent({ type: 'a'.repeat(65_535), data: {} }));
    const regex = `(?:${Array(600).fill('a+').join('|')})*b`;
    const subscription = client.subscribeToAll({ fromPosition: START, filter: eventTypeFilter({ regex }) });
    await expect(once(subscription, 'data')).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      message: expect.stringContaining('takes more than 100 ms'),
    });
    await goesOn();
  });

  test.each([
    ['a long one', 'x'.repeat(4_097), 'must not exceed 4096 characters'],
    ['one of broken text', '(\ud800', 'Invalid regular expression'],
  ])('that cannot be used is refused: %s', async (_, regex, reason) => {
    const subscription = client.subscribeToAll({ filter: eventTypeFilter({ regex }) });
    await expect(once(subscription, 'data')).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      message: expect.stringContaining(reason),
    });
    await goesOn();
  });
});

test('a filter of very many prefixes is refused', async () => {
  const prefixes = Array.from({ length: 1_001 }, (_, n) => `p${n}`);
  const subscription = client.subscribeToAll({ filter: eventTypeFilter({ prefixes }) });
  await expect(once(subscription, 'data')).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
    message: expect.stringContaining('more than 1000 prefixes'),
  });
});

test('a link that does not fit into one message beside its event is sent without it, and what follows, too', async () => {
  const metadata = { text: 'x'.repeat(9 * 2 ** 20) };
  await client.appendToStream('large', jsonEvent({ type: 'Large', data: {}, metadata }));
  for (const text of [metadata.text, '']) {
    const link = binaryEvent({ type: '$>', data: Buffer.from('0@large'), metadata: Buffer.from(text) });
    await client.appendToStream('links', link);
  }
  const seen: unknown[] = [];
  for await (const { event, link } of client.readAll({ resolveLinkTos: true })) seen.push([event?.streamId, link?.streamId]);
  expect(seen).toEqual([
    ['large', undefined],
    [undefined, 'links'],
    ['large', 'links'],
  ]);
});

test('a request that is one message has no need of more than 64 KiB', async () => {
  const read = once(client.readStream('x'.repeat(70_000)), 'data');
  await expect(read).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  await expect(client.deleteStream('x'.repeat(70_000))).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
});

test.each(['Append', 'BatchAppend', 'Read'])('compressed messages are refused: %s', async (method) => {
  const stream = call(method, { 'grpc-encoding': 'gzip' });
  stream.write(Buffer.concat([Buffer.from([1, 0, 0, 0, 20]), gzipSync('')]));
  expect(await statusOf(stream)).toEqual({ code: status.UNIMPLEMENTED, details: 'Compressed messages are not read.' });
});

describe('requests that never end', () => {
  const metadata = bytesField(3, Buffer.alloc(MIB));
  /** Each call holds 12 MiB, of which no part is too much. */
  const CALLS: Record<string, () => ClientHttp2Stream> = {
    'before the end of a message': () => {
      const stream = call('BatchAppend');
      stream.write(begun(16 * MIB));
      for (let n = 0; n < 12; n++) stream.write(Buffer.alloc(MIB));
      return stream;
    },
    'before the last event of an append': () => {
      const stream = call('Append');
      stream.write(framed(appendOptions('endless')));
      for (let n = 0; n < 12; n++) stream.write(framed(message(2, uuid(1), typed('Endless'), metadata)));
      return stream;
    },
    'before the last message of an append in a batch': () => {
      const stream = call('BatchAppend');
      for (let n = 0; n < 12; n++) stream.write(framed(batch(batchOptions(), message(3, uuid(1), typed('Endless'), metadata))));
      return stream;
    },
  };

  test.each(Object.entries(CALLS))('are refused when many calls together hold too much: %s', async (_, open) => {
    const calls = Array.from({ length: 24 }, open);
    expect(await Promise.race(calls.map(statusOf))).toEqual({
      code: status.RESOURCE_EXHAUSTED,
      details: 'Requests that the event store has not answered hold more than 268435456 bytes. Try again.',
    });
    await Promise.all(calls.map(cancelled));
    await goesOn();
  });

  test.each(Object.entries(CALLS))('count no longer when they have been cancelled: %s', async (_, open) => {
    for (let n = 0; n < 40; n++) {
      const stream = open();
      const refused = statusOf(stream);
      await Promise.race([sent(stream), refused]);
      await cancelled(stream);
    }
    const last = call('Append');
    last.write(framed(appendOptions('s')));
    last.end(framed(appendEvent('Last', 1_000_000)));
    expect((await statusOf(last)).code).toBe(status.OK);
  });
});

test('a message that says it is too large is refused, and holds nothing while its call stays open', async () => {
  const stream = call('Append');
  stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
  expect((await statusOf(stream)).code).toBe(status.RESOURCE_EXHAUSTED);
  const large = call('Append');
  large.write(framed(appendOptions('s')));
  large.end(framed(appendEvent('Large', 1_000_000)));
  expect((await statusOf(large)).code).toBe(status.OK);
});

test('a call that has been answered holds nothing, also where its client leaves it open', async () => {
  for (let round = 0; round < 2; round++) {
    const calls = Array.from({ length: 15 }, () => {
      const stream = call('Append', { 'grpc-timeout': '700m' });
      stream.write(begun(16 * MIB));
      for (let n = 0; n < 12; n++) stream.write(Buffer.alloc(MIB));
      return stream;
    });
    for (const { code } of await Promise.all(calls.map(statusOf))) expect(code).toBe(status.DEADLINE_EXCEEDED);
  }
});

test('a name that no stream can have is refused before the end of its append', async () => {
  const stream = call('Append');
  stream.write(framed(appendOptions('x'.repeat(70_000))));
  const refusal = { code: status.INVALID_ARGUMENT, details: 'A stream name must not exceed 1900 bytes.' };
  expect(await statusOf(stream)).toEqual(refusal);
});

test('the answer to an append in a batch repeats no more of it than there can be', async () => {
  const named = call('BatchAppend');
  const answer: Buffer[] = [];
  named.on('data', (chunk: Buffer) => answer.push(chunk));
  named.end(framed(batch(message(2, streamNamed('x'.repeat(1_000_000)), ANY), batchEvent(), FINAL)));
  expect((await statusOf(named)).code).toBe(status.OK);
  expect(String(Buffer.concat(answer))).toContain('A stream name must not exceed 1900 bytes.');
  expect(Buffer.concat(answer).length).toBeLessThan(4_096);

  const correlated = call('BatchAppend');
  correlated.write(framed(Buffer.concat([text(1, 'x'.repeat(1_000)), batchOptions(), batchEvent(), FINAL])));
  expect(await statusOf(correlated)).toEqual({ code: status.INVALID_ARGUMENT, details: 'A correlation id is a UUID.' });
});

test('a call that waits for the disk takes no more than may be in flight', async () => {
  const tables = openTables(dataFileOf(dataDir));
  if (session.connecting) await once(session, 'connect');
  const { end, taken } = await whileNothingIsCommitted(tables, async () => {
    const stream = call('BatchAppend');
    for (let n = 0; n < 60; n++) stream.write(largeAppend());
    stream.end();
    await noMoreIsTaken();
    return { end: statusOf(stream), taken: socket.bytesWritten };
  });
  await tables.root.close();
  expect(taken).toBeGreaterThan(16 * MIB);
  expect(taken).toBeLessThan(22 * MIB);
  expect((await end).code).toBe(status.OK);
});

test('appends of many calls that together are too much wait for the disk, and are all stored', async () => {
  const tables = openTables(dataFileOf(dataDir));
  if (session.connecting) await once(session, 'connect');
  const ends = await whileNothingIsCommitted(tables, async () => {
    const calls = Array.from({ length: 24 }, () => call('BatchAppend'));
    for (const stream of calls) {
      for (let n = 0; n < 16; n++) stream.write(largeAppend());
      stream.end();
    }
    await noMoreIsTaken();
    return calls.map(statusOf);
  });
  expect(socket.bytesWritten).toBeGreaterThan(128 * MIB);
  expect(await Promise.all(ends)).toEqual(ends.map(() => ({ code: status.OK, details: expect.anything() })));
  await tables.root.close();
  const [{ event }] = await once(client.readStream('s', { direction: BACKWARDS, fromRevision: END, maxCount: 1 }), 'data');
  expect(event.revision).toBe(24n * 16n - 1n);
});

describe('appends that never become final', () => {
  test.each([
    ['large ones', () => batch(batchOptions(), message(3, uuid(1), typed('Large'), bytesField(4, Buffer.alloc(1_000_000))))],
    ['ones of nothing but events', () => batch(batchOptions(), ...Array.from({ length: 2_000 }, batchEvent))],
  ])('end their call before they fill the memory: %s', async (_, unfinished) => {
    const stream = call('BatchAppend');
    let ended: { code: number; details: string } | undefined;
    const end = statusOf(stream).then((answer) => {
      ended = answer;
    });
    for (let n = 0; n < 100 && !ended; n++) {
      if (!stream.write(framed(unfinished()))) await Promise.race([once(stream, 'drain'), end]);
    }
    await end;
    expect(ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: expect.stringContaining('not finished') });
    await goesOn();
  });

  test('are counted no longer when they have become final', async () => {
    const stream = call('BatchAppend');
    const ended = statusOf(stream);
    const data = bytesField(4, Buffer.alloc(1_000_000));
    for (let n = 0; n < 100; n++) {
      const id = uuid(1);
      stream.write(framed(Buffer.concat([id, batchOptions(), message(3, uuid(1), typed('Large'), data)])));
      if (!stream.write(framed(Buffer.concat([id, FINAL])))) await once(stream, 'drain');
    }
    stream.end();
    expect((await ended).code).toBe(status.OK);
    const [{ event }] = await once(client.readStream('s', { direction: BACKWARDS, fromRevision: END, maxCount: 1 }), 'data');
    expect(event.revision).toBe(99n);
  });
});

describe('an append that leaves out what EventStoreDB asks for is refused, and nothing of it is stored', () => {
  const nothing = Buffer.alloc(0);
  const header = (name: string, value: string) => message(2, text(1, name), text(2, value));
  const nil = message(1, text(2, '00000000-0000-0000-0000-000000000000'));
  test.each([
    ['an expected revision', nothing, [uuid(1), typed('T')], 'An expected revision is required.'],
    ['an id', ANY, [nil, typed('T')], 'An event id must not be empty.'],
    ['a type', ANY, [uuid(1), header('content-type', 'application/json')], 'Required metadata property "type" is missing.'],
    ['a type that is not empty', ANY, [uuid(1), typed('')], 'An event type must not be empty.'],
    ['a content type', ANY, [uuid(1), header('type', 'T')], 'Required metadata property "content-type" is missing.'],
  ])('%s', async (_, expectation, event, reason) => {
    const options = message(1, streamNamed('s'), expectation);
    const append = call('Append');
    append.write(framed(options));
    append.end(framed(message(2, ...event)));
    expect(await statusOf(append)).toEqual({ code: status.INVALID_ARGUMENT, details: reason });

    const answer: Buffer[] = [];
    const inBatch = call('BatchAppend').on('data', (chunk: Buffer) => answer.push(chunk));
    inBatch.end(framed(batch(batchOptions(expectation), message(3, ...event), FINAL)));
    expect((await statusOf(inBatch)).code).toBe(status.OK);
    expect(String(Buffer.concat(answer))).toContain(reason);
    await expect(eventsOf(client, 's')).rejects.toBeInstanceOf(StreamNotFoundError);
  });

  test.each(['Delete', 'Tombstone'])('%s without an expected revision', async (method) => {
    await client.appendToStream('s', jsonEvent({ type: 'Kept', data: {} }));
    const deletion = call(method);
    deletion.end(framed(message(1, streamNamed('s'))));
    expect(await statusOf(deletion)).toEqual({ code: status.INVALID_ARGUMENT, details: 'An expected revision is required.' });
    expect(await eventsOf(client, 's')).toHaveLength(1);
  });
});
