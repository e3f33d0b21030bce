/** Appends over one BatchAppend call: cut into messages, mixed with others, each answered once. */
import { MaxAppendSizeExceededError, NO_STREAM, StreamNotFoundError } from '@eventstore/db-client';
import { expect, test } from '@jest/globals';
import {
  eventStoreUnderTest,
  newStream,
  numbered,
  numbers,
  outcomeOf,
  range,
  readEvents,
  readNs,
  wide,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

test('an append of several messages is one append', async () => {
  const stream = newStream();
  const first = await store.client.appendToStream(stream, numbers(0, 999), { batchAppendSize: 500, expectedRevision: NO_STREAM });
  expect(first.nextExpectedRevision).toBe(999n);
  expect(await readNs(store.client, stream)).toEqual(range(0, 999));
});

test('appends of several messages that are sent at once do not mix', async () => {
  const streams = range(0, 9).map(() => newStream());
  await Promise.all(streams.map((stream) => store.client.appendToStream(stream, numbers(0, 199), { batchAppendSize: 300 })));
  for (const stream of streams) expect(await readNs(store.client, stream)).toEqual(range(0, 199));
});

test('an append of several messages that is refused is refused whole', async () => {
  const stream = newStream();
  const events = range(0, 29).map((n) => wide(n, 40_000));
  const append = store.client.appendToStream(stream, events, { batchAppendSize: 50_000 });
  await expect(append).rejects.toBeInstanceOf(MaxAppendSizeExceededError);
  await expect(readEvents(store.client, stream)).rejects.toBeInstanceOf(StreamNotFoundError);
});

test('each of many is answered for itself: written, repeated, in conflict, closed, too large', async () => {
  const { client } = store;
  const [full, closed] = [newStream(), newStream()];
  const event = numbered(0);
  await client.appendToStream(full, event);
  await client.tombstoneStream(closed);
  const round = () => [
    client.appendToStream(newStream(), numbers(0, 2)),
    client.appendToStream(full, event),
    client.appendToStream(full, numbered(1), { expectedRevision: NO_STREAM }),
    client.appendToStream(closed, numbered(1)),
    client.appendToStream(newStream(), wide(1, 1_100_000)),
  ];
  const outcomes = await Promise.all(range(1, 10).flatMap(round).map(outcomeOf));
  expect(outcomes).toEqual(
    range(1, 10).flatMap(() => [
      'written up to 2',
      'written up to 0',
      'expected no_stream, is at 0',
      'stream-deleted',
      'maximum-append-size-exceeded',
    ]),
  );
});

test('the answers to several connections do not mix', async () => {
  const clients = range(1, 8).map(() => store.connect());
  const streams = clients.map(() => newStream());
  // The client sends in order once its call is open.
  await Promise.all(clients.map((client, index) => client.appendToStream(streams[index] as string, numbered(0))));
  await Promise.all(
    range(1, 24).flatMap((n) => clients.map((client, index) => client.appendToStream(streams[index] as string, numbered(n)))),
  );
  for (const stream of streams) expect(await readNs(store.client, stream)).toEqual(range(0, 24));
});
