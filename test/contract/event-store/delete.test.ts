/** Deleting a stream: it is as if it were not there, until it is written again and goes on under new revisions. */
import { once } from 'node:events';
import {
  ANY,
  BACKWARDS,
  END,
  type ExpectedRevision,
  NO_STREAM,
  START,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { describe, expect, test } from '@jest/globals';
import {
  backwards,
  eventStoreUnderTest,
  newStream,
  nOf,
  ns,
  numbered,
  numbers,
  outcomeOf,
  positionNow,
  readAllOf,
  readEvents,
  readNs,
  take,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

const EXPECTATIONS: ExpectedRevision[] = [ANY, NO_STREAM, 0n, 1n, 5n];

async function deletedStream(): Promise<string> {
  const stream = newStream();
  await store.client.appendToStream(stream, numbers(0, 1));
  await store.client.deleteStream(stream);
  return stream;
}

/** In these errors the client gives "any" and "no stream" as the numbers -2 and -1. */
const STATES = [
  {
    state: 'that does not exist',
    prepare: async () => newStream(),
    outcomes: [-2, -1, 0, 1, 5].map((expected) => `expected ${expected}, is at -1`),
  },
  {
    state: 'that has metadata and no events',
    prepare: async () => {
      const stream = newStream();
      await store.client.setStreamMetadata(stream, { cacheControl: 10 });
      return stream;
    },
    outcomes: ['done', 'done', 'expected 0, is at -1', 'expected 1, is at -1', 'expected 5, is at -1'],
  },
  {
    state: 'that has two events',
    prepare: async () => {
      const stream = newStream();
      await store.client.appendToStream(stream, numbers(0, 1));
      return stream;
    },
    outcomes: ['done', 'expected -1, is at 1', 'expected 0, is at 1', 'done', 'expected 5, is at 1'],
  },
  {
    state: 'that was deleted already',
    prepare: deletedStream,
    outcomes: ['done', 'done', 'expected 0, is at 1', 'done', 'expected 5, is at 1'],
  },
  {
    state: 'that was tombstoned',
    prepare: async () => {
      const stream = newStream();
      await store.client.tombstoneStream(stream);
      return stream;
    },
    outcomes: EXPECTATIONS.map(() => 'stream-deleted'),
  },
];

test.each(STATES)('deleting a stream $state', async ({ prepare, outcomes }) => {
  const deleteAt = async (expectedRevision: ExpectedRevision): Promise<string> =>
    outcomeOf(store.client.deleteStream(await prepare(), { expectedRevision }));
  expect(await Promise.all(EXPECTATIONS.map(deleteAt))).toEqual(outcomes);
});

test('a deletion that is refused names what is wrong and leaves the stream', async () => {
  const stream = newStream();
  await store.client.appendToStream(stream, numbers(0, 3));
  const refused = store.client.deleteStream(stream, { expectedRevision: 2n });
  await expect(refused).rejects.toBeInstanceOf(WrongExpectedVersionError);
  await expect(refused).rejects.toMatchObject({ streamName: stream, expectedVersion: 2n, actualVersion: 3n });
  expect(await readNs(store.client, stream)).toEqual([0, 1, 2, 3]);
});

describe('a deleted stream', () => {
  test('is not found by any read', async () => {
    const stream = await deletedStream();
    for (const options of [{}, { fromRevision: 1n }, { fromRevision: 9n }, backwards, { maxCount: 1 }]) {
      const read = readEvents(store.client, stream, options);
      await expect(read).rejects.toBeInstanceOf(StreamNotFoundError);
      await expect(read).rejects.toMatchObject({ streamName: stream });
    }
  });

  test('goes on at the next revision when it is written again, and shows nothing of before', async () => {
    const { client } = store;
    const stream = await deletedStream();
    const again = await client.appendToStream(stream, numbers(2, 3), { expectedRevision: NO_STREAM });
    expect(again.nextExpectedRevision).toBe(3n);
    const events = await readEvents(client, stream);
    expect(events.map((event) => [event.revision, nOf(event)])).toEqual([
      [2n, 2],
      [3n, 3],
    ]);
    for (const [options, expected] of [
      [{ fromRevision: 0n }, [2, 3]],
      [{ fromRevision: 0n, maxCount: 1 }, [2]],
      [{ fromRevision: 3n }, [3]],
      [backwards, [3, 2]],
      [{ direction: BACKWARDS, fromRevision: 2n }, [2]],
      [{ direction: BACKWARDS, fromRevision: 1n }, []],
    ] as const) {
      expect(await readNs(client, stream, options)).toEqual(expected);
    }
    expect((await client.appendToStream(stream, numbered(4), { expectedRevision: 3n })).nextExpectedRevision).toBe(4n);
    expect(await readNs(client, stream)).toEqual([2, 3, 4]);
  });

  test('can be deleted and written again and again', async () => {
    const { client } = store;
    const stream = newStream();
    for (let n = 0; n < 4; n++) {
      await client.appendToStream(stream, numbered(n));
      expect(await readNs(client, stream)).toEqual([n]);
      await client.deleteStream(stream, { expectedRevision: BigInt(n) });
      await expect(readEvents(client, stream)).rejects.toBeInstanceOf(StreamNotFoundError);
    }
  });

  test('is still in $all, and its deletion too', async () => {
    const before = await positionNow(store.client);
    const stream = newStream();
    await store.client.appendToStream(stream, numbers(0, 1));
    const { position } = await store.client.deleteStream(stream);
    const events = await readAllOf(store.client, before, [stream, `$$${stream}`]);
    expect(events.map(({ event }) => event?.type)).toEqual(['Numbered', 'Numbered', '$metadata']);
    expect(events[2]?.event?.position).toEqual(position);
  });

  test('has lost its metadata', async () => {
    const { client } = store;
    const stream = newStream();
    await client.setStreamMetadata(stream, { maxCount: 1, owner: 'me' });
    await client.appendToStream(stream, numbers(0, 1));
    await client.deleteStream(stream);
    expect((await client.getStreamMetadata(stream)).metadata).toEqual({ truncateBefore: Number(2n ** 63n - 1n) });
    await client.appendToStream(stream, numbers(2, 4));
    expect((await client.getStreamMetadata(stream)).metadata).toEqual({ truncateBefore: 2 });
    expect(await readNs(client, stream)).toEqual([2, 3, 4]);
  });

  test('to which nothing is appended is there again, and empty', async () => {
    const { client } = store;
    const stream = await deletedStream();
    await client.appendToStream(stream, []);
    expect(await readEvents(client, stream)).toEqual([]);
    expect((await client.getStreamMetadata(stream)).metadata).toEqual({ truncateBefore: 2 });
  });

  test('that is given metadata is there again, and empty', async () => {
    const { client } = store;
    const stream = await deletedStream();
    await client.setStreamMetadata(stream, { maxCount: 3, owner: 'me' });
    expect(await readEvents(client, stream)).toEqual([]);
    expect(await readEvents(client, stream, backwards)).toEqual([]);
    expect((await client.getStreamMetadata(stream)).metadata).toEqual({ maxCount: 3, owner: 'me', truncateBefore: 2 });
    await client.appendToStream(stream, numbered(2), { expectedRevision: 1n });
    expect(await readNs(client, stream)).toEqual([2]);
  });
});

describe('a subscription', () => {
  test('to a deleted stream waits for what is written next', async () => {
    const stream = await deletedStream();
    const all = store.client.subscribeToStream(stream, { fromRevision: START });
    const end = store.client.subscribeToStream(stream, { fromRevision: END });
    const revision = store.client.subscribeToStream(stream, { fromRevision: 0n });
    const subscriptions = [all, end, revision];
    await Promise.all(subscriptions.map((subscription) => once(subscription, 'confirmation')));
    const first = Promise.all(subscriptions.map((subscription) => take(subscription, 2)));
    await store.client.appendToStream(stream, numbers(2, 3));
    for (const events of await first) expect(ns(events)).toEqual([2, 3]);
    await Promise.all(subscriptions.map((subscription) => subscription.unsubscribe()));
  });

  test('outlives the deletion of its stream', async () => {
    const stream = newStream();
    const subscription = store.client.subscribeToStream(stream);
    await store.client.appendToStream(stream, numbers(0, 1));
    expect(ns(await take(subscription, 2))).toEqual([0, 1]);
    await store.client.deleteStream(stream);
    await store.client.appendToStream(stream, numbers(2, 3));
    expect(ns(await take(subscription, 2))).toEqual([2, 3]);
    await subscription.unsubscribe();
  });
});
