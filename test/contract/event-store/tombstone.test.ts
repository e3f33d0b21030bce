/** Tombstoning a stream: it is closed for ever, and everybody who asks for it is told so. */
import { once } from 'node:events';
import { ANY, END, type ExpectedRevision, NO_STREAM, StreamDeletedError, WrongExpectedVersionError } from '@eventstore/db-client';
import { expect, test } from '@jest/globals';
import {
  APPEND_CALLS,
  backwards,
  eventStoreUnderTest,
  failureOf,
  newStream,
  ns,
  numbered,
  numbers,
  outcomeOf,
  positionNow,
  readEvents,
  readNs,
  take,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

const EXPECTATIONS: ExpectedRevision[] = [ANY, NO_STREAM, 0n, 1n, 5n];

const STATES = [
  {
    state: 'that does not exist',
    prepare: async () => {},
    outcomes: ['done', 'done', 'expected 0, is at -1', 'expected 1, is at -1', 'expected 5, is at -1'],
  },
  {
    state: 'that has metadata and no events',
    prepare: (stream: string) => store.client.setStreamMetadata(stream, { cacheControl: 10 }),
    outcomes: ['done', 'done', 'expected 0, is at -1', 'expected 1, is at -1', 'expected 5, is at -1'],
  },
  {
    state: 'that has two events',
    prepare: (stream: string) => store.client.appendToStream(stream, numbers(0, 1)),
    outcomes: ['done', 'expected -1, is at 1', 'expected 0, is at 1', 'done', 'expected 5, is at 1'],
  },
  {
    state: 'that was deleted',
    prepare: async (stream: string) => {
      await store.client.appendToStream(stream, numbers(0, 1));
      await store.client.deleteStream(stream);
    },
    outcomes: ['done', 'done', 'expected 0, is at 1', 'done', 'expected 5, is at 1'],
  },
  {
    state: 'that was tombstoned already',
    prepare: (stream: string) => store.client.tombstoneStream(stream),
    outcomes: EXPECTATIONS.map(() => 'stream-deleted'),
  },
];

test.each(STATES)('tombstoning a stream $state', async ({ prepare, outcomes }) => {
  const tombstoneAt = async (expectedRevision: ExpectedRevision): Promise<string> => {
    const stream = newStream();
    await prepare(stream);
    return outcomeOf(store.client.tombstoneStream(stream, { expectedRevision }));
  };
  expect(await Promise.all(EXPECTATIONS.map(tombstoneAt))).toEqual(outcomes);
});

test('a tombstone that is refused names what is wrong and leaves the stream', async () => {
  const stream = newStream();
  await store.client.appendToStream(stream, numbers(0, 3));
  const refused = store.client.tombstoneStream(stream, { expectedRevision: 2n });
  await expect(refused).rejects.toBeInstanceOf(WrongExpectedVersionError);
  await expect(refused).rejects.toMatchObject({ streamName: stream, expectedVersion: 2n, actualVersion: 3n });
  expect(await readNs(store.client, stream)).toEqual([0, 1, 2, 3]);
});

test.each([{ events: 3 }, { events: 0 }])('a tombstoned stream of $events events refuses everything', async ({ events }) => {
  const { client } = store;
  const stream = newStream();
  if (events > 0) await client.appendToStream(stream, numbers(1, events));
  await client.tombstoneStream(stream);
  const refusals = [
    readEvents(client, stream),
    readEvents(client, stream, { fromRevision: 1n, maxCount: 1 }),
    readEvents(client, stream, { fromRevision: END }),
    readEvents(client, stream, backwards),
    ...APPEND_CALLS.map(({ options }) => client.appendToStream(stream, numbered(9), options)),
    client.deleteStream(stream),
    client.tombstoneStream(stream),
  ].map((refused) =>
    refused.then(
      () => 'not refused',
      (error: unknown) => error,
    ),
  );
  for (const error of await Promise.all(refusals)) {
    expect(error).toBeInstanceOf(StreamDeletedError);
    expect(error).toMatchObject({ streamName: stream });
  }
});

test('the metadata of a tombstoned stream are closed with it', async () => {
  const stream = newStream();
  await store.client.setStreamMetadata(stream, { maxCount: 1 });
  await store.client.tombstoneStream(stream);
  for (const refused of [store.client.getStreamMetadata(stream), store.client.setStreamMetadata(stream, { maxCount: 2 })]) {
    await expect(refused).rejects.toBeInstanceOf(StreamDeletedError);
    await expect(refused).rejects.toMatchObject({ streamName: `$$${stream}` });
  }
});

test.each([{}, { fromRevision: 0n }, { fromRevision: END }] as const)(
  'a subscription with %p to a tombstoned stream is refused, and never confirmed',
  async (options) => {
    const stream = newStream();
    await store.client.appendToStream(stream, numbers(0, 1));
    await store.client.tombstoneStream(stream);
    const subscription = store.client.subscribeToStream(stream, options);
    let isConfirmed = false;
    subscription.on('confirmation', () => {
      isConfirmed = true;
    });
    const error = await failureOf(subscription);
    expect(error).toBeInstanceOf(StreamDeletedError);
    expect(error).toMatchObject({ streamName: stream });
    expect(isConfirmed).toBe(false);
  },
);

test('a running subscription sees the events before the tombstone and then ends as deleted', async () => {
  const stream = newStream();
  const subscription = store.client.subscribeToStream(stream);
  const seen: (string | undefined)[] = [];
  subscription.on('data', ({ event }) => seen.push(event?.type));
  const failed = once(subscription, 'error');
  await once(subscription, 'caughtUp');
  await store.client.appendToStream(stream, numbers(0, 1));
  await store.client.tombstoneStream(stream);
  const [error] = await failed;
  expect(error).toBeInstanceOf(StreamDeletedError);
  expect(error).toMatchObject({ streamName: stream });
  expect(seen.slice(0, 2)).toEqual(['Numbered', 'Numbered']);
});

test('a running subscription sees the tombstone itself', async () => {
  const stream = newStream();
  const subscription = store.client.subscribeToStream(stream);
  const seen: [string | undefined, bigint | undefined][] = [];
  subscription.on('data', ({ event }) => seen.push([event?.type, event?.revision]));
  const failed = once(subscription, 'error');
  await once(subscription, 'caughtUp');
  await store.client.tombstoneStream(stream);
  await failed;
  expect(seen).toEqual([['$streamDeleted', 2n ** 63n - 1n]]);
});

test('a subscription to $all goes on over a tombstone', async () => {
  const stream = newStream();
  const other = newStream();
  const fromPosition = await positionNow(store.client);
  const subscription = store.client.subscribeToAll({ fromPosition });
  await store.client.appendToStream(stream, numbered(0));
  const { position } = await store.client.tombstoneStream(stream);
  await store.client.appendToStream(other, numbered(1));
  const events = await take(subscription, 3, ({ event }) => [stream, other].includes(event?.streamId as string));
  expect(ns(events)).toEqual([0, undefined, 1]);
  expect(events[1]?.event).toMatchObject({ type: '$streamDeleted', streamId: stream, position });
  await subscription.unsubscribe();
});
