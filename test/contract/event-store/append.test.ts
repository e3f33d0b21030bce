/** Appends: what is given comes back as it was given, in the order it was given in. */
import { randomUUID } from 'node:crypto';
import {
  binaryEvent,
  type EventData,
  type JSONType,
  jsonEvent,
  NO_STREAM,
  type RecordedEvent,
  StreamNotFoundError,
} from '@eventstore/db-client';
import { describe, expect, test } from '@jest/globals';
import {
  APPEND_CALLS,
  eventStoreUnderTest,
  isOwnNode,
  newStream,
  nOf,
  numbered,
  numbers,
  outcomeOf,
  range,
  readEvents,
  readNs,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const json = (data: unknown, metadata?: unknown): EventData =>
  jsonEvent({ type: 'Json', data: data as JSONType, metadata: metadata as object });
const binary = (data: Uint8Array, metadata?: unknown): EventData =>
  binaryEvent({ type: 'Bytes', data, metadata: metadata as object });

const PAYLOADS: [string, EventData][] = [
  ['an object', json({ text: 'żółć', nested: [1, { a: null }], big: 2 ** 53 })],
  ['a string', json('CC ‐ 1830')],
  ['a number', json(-1.5)],
  ['null', json(null)],
  ['false', json(false)],
  ['an empty array', json([])],
  ['a control character', json({ char: '\u0018' })],
  ['a letter beyond Latin-1', json({ char: 'Ę' })],
  ['a character beyond the basic plane', json({ '🦃': '\u{1f600}\u0000' })],
  ['a type that is not ASCII', { ...json({}), type: 'Größe geändert / 変更' }],
  ['bytes', binary(bytes(0, 1, 127, 128, 255))],
  ['no bytes', binary(bytes())],
  ['bytes that are JSON', binary(Uint8Array.from(Buffer.from('{"a":1}')))],
  ['JSON with metadata', json({}, { why: '✓', n: [1] })],
  ['JSON with bytes as metadata', json({}, bytes(254, 0, 200))],
  ['bytes with metadata', binary(bytes(1), { why: '✓' })],
  ['bytes with bytes as metadata', binary(bytes(1), bytes(254, 0))],
];

describe.each(APPEND_CALLS)('$call', ({ options }) => {
  test('returns the revision and the position of the last event', async () => {
    const stream = newStream();
    const first = await store.client.appendToStream(stream, numbers(0, 2), options);
    const second = await store.client.appendToStream(stream, numbered(3), options);
    expect([first, second]).toMatchObject([
      { success: true, nextExpectedRevision: 2n },
      { success: true, nextExpectedRevision: 3n },
    ]);
    const events = await readEvents(store.client, stream);
    expect(events.map(({ revision }) => revision)).toEqual([0n, 1n, 2n, 3n]);
    expect([events[2]?.position, events[3]?.position]).toEqual([first.position, second.position]);
    const commits = events.map(({ position }) => position?.commit as bigint);
    for (const [index, commit] of commits.slice(1).entries()) expect(commit).toBeGreaterThan(commits[index] as bigint);
  });

  test('keeps every kind of payload', async () => {
    const stream = newStream();
    const events = PAYLOADS.map(([, event]) => event);
    await store.client.appendToStream(stream, events, { ...options, expectedRevision: NO_STREAM });
    const stored = await readEvents(store.client, stream);
    const plain = (value: unknown): unknown => (value instanceof Uint8Array ? [...value] : value);
    for (const [index, [payload, event]] of PAYLOADS.entries()) {
      const { id, type, data, metadata, isJson, streamId, revision } = stored[index] as RecordedEvent;
      expect([payload, streamId, revision, id, type, plain(data), plain(metadata), isJson]).toEqual([
        payload,
        stream,
        BigInt(index),
        event.id,
        event.type,
        plain(event.data),
        plain(event.metadata),
        event.contentType === 'application/json',
      ]);
    }
  });

  test('keeps a Buffer as metadata, which the client describes in JSON', async () => {
    const stream = newStream();
    await store.client.appendToStream(stream, json({}, Buffer.from('How meta is this?')), options);
    const [stored] = await readEvents(store.client, stream);
    expect(Buffer.from(stored?.metadata as Buffer).toString()).toBe('How meta is this?');
  });

  test('dates an event by the time it was appended', async () => {
    const stream = newStream();
    const clockDifferenceMs = isOwnNode ? 0 : 60_000;
    const before = Date.now() - clockDifferenceMs;
    await store.client.appendToStream(stream, numbered(0), options);
    const after = Date.now() + clockDifferenceMs;
    const [event] = await readEvents(store.client, stream);
    expect(event?.created).toBeInstanceOf(Date);
    expect(event?.created.getTime()).toBeGreaterThanOrEqual(before);
    expect(event?.created.getTime()).toBeLessThanOrEqual(after);
  });

  test('gives ids back in lower case', async () => {
    const stream = newStream();
    const id = randomUUID();
    await store.client.appendToStream(stream, { ...numbered(0), id: id.toUpperCase() }, options);
    expect((await readEvents(store.client, stream))[0]?.id).toBe(id);
  });

  test('may carry the same id twice', async () => {
    const stream = newStream();
    const id = randomUUID();
    await store.client.appendToStream(
      stream,
      numbers(0, 1).map((event) => ({ ...event, id })),
      options,
    );
    expect((await readEvents(store.client, stream)).map((event) => [event.id, nOf(event)])).toEqual([
      [id, 0],
      [id, 1],
    ]);
  });

  test('of nothing writes nothing, and is judged like another', async () => {
    const { client } = store;
    const [absent, stream] = [newStream(), newStream()];
    expect((await client.appendToStream(absent, [], options)).success).toBe(true);
    await expect(readEvents(client, absent)).rejects.toBeInstanceOf(StreamNotFoundError);
    await client.appendToStream(stream, numbers(0, 1), options);
    const empty = (expectedRevision: bigint | 'any' | 'no_stream' | 'stream_exists') =>
      outcomeOf(client.appendToStream(stream, [], { ...options, expectedRevision }));
    expect(await Promise.all([empty('any'), empty('stream_exists'), empty(1n)])).toEqual(Array(3).fill('written up to 1'));
    expect(await empty('no_stream')).toBe('expected no_stream, is at 1');
    expect(await empty(0n)).toBe('expected 0, is at 1');
    expect(await readNs(client, stream)).toEqual([0, 1]);
  });

  test('keeps the order of many in flight, in one stream and in many', async () => {
    const streams = range(1, 10).map(() => newStream());
    const appends = range(0, 29).map((n) => streams.map((stream) => store.client.appendToStream(stream, numbered(n), options)));
    const results = await Promise.all(appends.flat());
    expect(new Set(results.map(({ position }) => position?.commit)).size).toBe(300);
    for (const stream of streams) {
      const events = await readEvents(store.client, stream);
      expect(events.map(({ revision }) => revision)).toEqual(range(0, 29).map(BigInt));
      // Calls of their own may overtake each other on the way; what is one call may not.
      const order = events.map(nOf);
      if (!('credentials' in options)) expect(order).toEqual(range(0, 29));
      else expect(order.sort((a, b) => Number(a) - Number(b))).toEqual(range(0, 29));
    }
  });
});
