/** Names and types of every kind, and how large an append may be. */
import { MaxAppendSizeExceededError, NO_STREAM, StreamNotFoundError } from '@eventstore/db-client';
import { describe, expect, test } from '@jest/globals';
import {
  APPEND_CALLS,
  backwards,
  eventStoreUnderTest,
  newStream,
  ns,
  numbered,
  numbers,
  positionNow,
  range,
  readAllOf,
  readEvents,
  readNs,
  take,
  wide,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

/** What EventStoreDB is started with unless told otherwise. */
const APPEND_SIZE_MAX = 1024 * 1024;

const NAMES = [
  'a/b/c',
  'with spaces  and\ttabs',
  ' leading and trailing ',
  'with "quotes" & \'single\' %20 <tags>',
  'Zürich 日本 🙂 żółć',
  '¡©é', // beyond ASCII, within Latin-1
  '\u0001\u007f\r\n',
  '-',
  '@0@',
  '$',
  '../..',
  '0',
  'x'.repeat(900),
  '日'.repeat(400),
];

describe('a stream name', () => {
  test.each(NAMES.map((name) => [name.slice(0, 30), name]))('may be %j', async (_, name) => {
    const { client } = store;
    const before = await positionNow(client);
    for (const { options } of APPEND_CALLS) {
      const stream = newStream(name);
      const subscription = client.subscribeToStream(stream);
      await client.appendToStream(stream, numbers(0, 1), { ...options, expectedRevision: NO_STREAM });
      expect((await readEvents(client, stream)).map(({ streamId, data }) => [streamId, data])).toEqual([
        [stream, { n: 0 }],
        [stream, { n: 1 }],
      ]);
      expect(await readNs(client, stream, backwards)).toEqual([1, 0]);
      expect((await take(subscription, 2)).map(({ event }) => event?.streamId)).toEqual([stream, stream]);
      expect(ns(await readAllOf(client, before, [stream]))).toEqual([0, 1]);
      await client.setStreamMetadata(stream, { maxCount: 1 });
      expect((await client.getStreamMetadata(stream)).metadata).toEqual({ maxCount: 1 });
      expect(await readNs(client, stream)).toEqual([1]);
      await client.deleteStream(stream);
      await expect(readEvents(client, stream)).rejects.toMatchObject({ streamName: stream });
      await subscription.unsubscribe();
    }
  });

  test('tells streams apart that differ in a letter, its case, or an end', async () => {
    const name = newStream();
    const streams = [`${name}a`, `${name}A`, `${name}ä`, `${name}a\u0308`, `${name}a `, `${name}aa`, name];
    for (const [n, stream] of streams.entries()) {
      await store.client.appendToStream(stream, numbered(n), { expectedRevision: NO_STREAM });
    }
    for (const [n, stream] of streams.entries()) expect(await readNs(store.client, stream)).toEqual([n]);
  });
});

test('an event type may be long, and of any letters', async () => {
  const stream = newStream();
  const types = ['x'.repeat(5000), 'Größe geändert', '日本 🙂', 'a/b "c"', ' ', '$system'];
  for (const { options } of APPEND_CALLS) {
    await store.client.appendToStream(
      stream,
      types.map((type, n) => numbered(n, type)),
      options,
    );
  }
  expect((await readEvents(store.client, stream)).map(({ type }) => type)).toEqual([...types, ...types]);
});

describe.each(APPEND_CALLS)('the size of $call', ({ options }) => {
  const jsonOf = (bytes: number) => ({ ...numbered(0), data: 'x'.repeat(bytes - 2) });

  test('may be up to the maximum', async () => {
    const stream = newStream();
    const large = jsonOf(APPEND_SIZE_MAX - 1000);
    await store.client.appendToStream(stream, large as never, options);
    const [stored] = await readEvents(store.client, stream);
    expect(stored?.data === large.data).toBe(true);
    const many = range(0, 9).map((n) => wide(n, 100_000));
    expect((await store.client.appendToStream(stream, many, options)).nextExpectedRevision).toBe(10n);
    expect((await readNs(store.client, stream)).slice(1)).toEqual(range(0, 9));
  });

  test('is that of the data alone, and may be the maximum itself', async () => {
    const stream = newStream();
    await store.client.appendToStream(stream, jsonOf(APPEND_SIZE_MAX) as never, options);
    expect(await readEvents(store.client, stream)).toHaveLength(1);
  });

  test.each([
    { what: 'one event', events: () => [jsonOf(APPEND_SIZE_MAX + 1)] },
    { what: 'several events', events: () => range(0, 10).map((n) => wide(n, 100_000)) },
    { what: 'thousands of small events', events: () => range(0, 3_999).map((n) => wide(n, 300)) },
  ])('must not be more in $what: then nothing is written', async ({ events }) => {
    const stream = newStream();
    const refused = store.client.appendToStream(stream, events() as never, { ...options, deadline: 60_000 });
    await expect(refused).rejects.toBeInstanceOf(MaxAppendSizeExceededError);
    await expect(refused).rejects.toMatchObject({ maxAppendSize: APPEND_SIZE_MAX });
    await expect(readEvents(store.client, stream)).rejects.toBeInstanceOf(StreamNotFoundError);
    expect((await store.client.appendToStream(stream, numbered(0), options)).nextExpectedRevision).toBe(0n);
  });
});
