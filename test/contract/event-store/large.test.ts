/** Many at once, and long streams. */
import { binaryEvent, NO_STREAM } from '@eventstore/db-client';
import { expect, test } from '@jest/globals';
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
  readNs,
  take,
  wide,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

test('ten thousand appends that leave at once are all answered, in order', async () => {
  const stream = newStream();
  // Opens the call: what is sent before it stands may be overtaken.
  await store.client.appendToStream(stream, wide(0, 904));
  const appends = range(1, 9_999).map((n) => store.client.appendToStream(stream, wide(n, 904), { deadline: 60_000 }));
  const results = await Promise.all(appends);
  expect(results.map(({ nextExpectedRevision }) => nextExpectedRevision)).toEqual(range(1, 9_999).map(BigInt));
  expect(await readNs(store.client, stream)).toEqual(range(0, 9_999));
});

test.each(APPEND_CALLS)('an append of five thousand events by $call is read whole, in both directions', async ({ options }) => {
  const stream = newStream();
  await store.client.appendToStream(stream, numbers(0, 4_999), { ...options, batchAppendSize: 100_000 });
  expect(await readNs(store.client, stream)).toEqual(range(0, 4_999));
  expect(await readNs(store.client, stream, backwards)).toEqual(range(0, 4_999).reverse());
  expect(await readNs(store.client, stream, { fromRevision: 2_490n, maxCount: 20 })).toEqual(range(2_490, 2_509));
});

test.each(APPEND_CALLS)('an append of five thousand events by $call is known when it comes again', async ({ options }) => {
  const stream = newStream();
  // No more: a store that others use at the same time must not forget the ids by which it knows theirs.
  const events = range(1, 5_000).map(() => binaryEvent({ type: 'T', data: new Uint8Array() }));
  const append = () => store.client.appendToStream(stream, events, { ...options, expectedRevision: NO_STREAM });
  const first = await append();
  expect(first.nextExpectedRevision).toBe(4_999n);
  expect(await append()).toEqual(first);
});

test('a subscriber catches up with thousands of events while more are appended, and knows each once', async () => {
  const stream = newStream();
  const fromPosition = await positionNow(store.client);
  for (const n of range(0, 9)) await store.client.appendToStream(stream, numbers(n * 500, n * 500 + 499));
  const [ofStream, ofAll] = [store.client.subscribeToStream(stream), store.client.subscribeToAll({ fromPosition })];
  const appending = Promise.all(range(5_000, 5_499).map((n) => store.client.appendToStream(stream, numbered(n))));
  expect(ns(await take(ofStream, 5_500))).toEqual(range(0, 5_499));
  expect(ns(await take(ofAll, 5_500, ({ event }) => event?.streamId === stream))).toEqual(range(0, 5_499));
  await appending;
  await Promise.all([ofStream.unsubscribe(), ofAll.unsubscribe()]);
});

test('a thousand streams keep what is theirs', async () => {
  const streams = range(0, 999).map(() => newStream());
  await Promise.all(streams.map((stream, n) => store.client.appendToStream(stream, numbers(n, n + 1))));
  const reads = await Promise.all(streams.map((stream) => readNs(store.client, stream)));
  expect(reads).toEqual(streams.map((_, n) => [n, n + 1]));
});
