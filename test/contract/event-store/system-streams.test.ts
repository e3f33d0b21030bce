/** Streams whose names begin with a dollar sign are streams like others; the client names those of metadata. */
import {
  isMetastream,
  isSystemStream,
  metastreamOf,
  NO_STREAM,
  originalStreamOf,
  StreamNotFoundError,
} from '@eventstore/db-client';
import { expect, test } from '@jest/globals';
import {
  eventStoreUnderTest,
  newStream,
  numbered,
  numbers,
  positionNow,
  range,
  readAllOf,
  readEvents,
  readNs,
  take,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

test.each([
  { name: 'hello', isSystem: false, isMeta: false },
  { name: '', isSystem: false, isMeta: false },
  { name: '$hello', isSystem: true, isMeta: false },
  { name: '$$hello', isSystem: true, isMeta: true },
])('the client knows what kind of stream "$name" is', ({ name, isSystem, isMeta }) => {
  expect([isSystemStream(name), isMetastream(name)]).toEqual([isSystem, isMeta]);
  expect(metastreamOf(name)).toBe(`$$${name}`);
  expect(originalStreamOf(`$$${name}`)).toBe(name);
});

test('a system stream is appended to, read, subscribed to, limited and deleted like others', async () => {
  const { client } = store;
  const before = await positionNow(client);
  const stream = newStream('$contract');
  await client.appendToStream(stream, numbers(0, 1), { expectedRevision: NO_STREAM });
  const subscription = client.subscribeToStream(stream);
  await client.appendToStream(stream, numbers(2, 3), { expectedRevision: 1n });
  expect((await take(subscription, 4)).map(({ event }) => event?.revision)).toEqual(range(0, 3).map(BigInt));
  await subscription.unsubscribe();
  expect(await readNs(client, stream)).toEqual([0, 1, 2, 3]);
  expect(await readAllOf(client, before, [stream])).toHaveLength(4);
  await client.setStreamMetadata(stream, { truncateBefore: 2 });
  expect(await readNs(client, stream)).toEqual([2, 3]);
  await client.deleteStream(stream);
  await expect(readEvents(client, stream)).rejects.toBeInstanceOf(StreamNotFoundError);
});

test('a metadata stream can be subscribed to', async () => {
  const stream = newStream();
  const subscription = store.client.subscribeToStream(metastreamOf(stream));
  for (const maxCount of [5, 6]) {
    await store.client.setStreamMetadata(stream, { maxCount });
    expect((await take(subscription, 1)).map(({ event }) => event?.data)).toEqual([{ $maxCount: maxCount }]);
  }
  await subscription.unsubscribe();
});

test('other event types in a metadata stream count as metadata too', async () => {
  const stream = newStream();
  await store.client.appendToStream(metastreamOf(stream), { ...numbered(0, 'Other'), data: { $maxCount: 1 } });
  await store.client.appendToStream(stream, numbers(0, 2));
  expect(await readNs(store.client, stream)).toEqual([2]);
});
