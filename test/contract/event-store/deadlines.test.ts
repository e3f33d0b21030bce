/** Deadlines: a call that comes too late is refused and has done nothing. */
import { once } from 'node:events';
import { DeadlineExceededError, EventStoreDBClient, StreamNotFoundError } from '@eventstore/db-client';
import { describe, expect, test } from '@jest/globals';
import {
  APPEND_CALLS,
  eventStoreUnderTest,
  failureOf,
  newStream,
  numbered,
  numbers,
  readEvents,
  readNs,
  take,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

describe.each(APPEND_CALLS)('$call', ({ options }) => {
  test('whose deadline has passed is not written', async () => {
    const stream = newStream();
    const late = store.client.appendToStream(stream, numbered(0), { ...options, deadline: -60_000 });
    await expect(late).rejects.toBeInstanceOf(DeadlineExceededError);
    await expect(readEvents(store.client, stream)).rejects.toBeInstanceOf(StreamNotFoundError);
    expect((await store.client.appendToStream(stream, numbered(1), options)).nextExpectedRevision).toBe(0n);
  });

  test('of which the last event cannot come in time is not written', async () => {
    const stream = newStream();
    const events = numbers(0, 9_999);
    await expect(store.client.appendToStream(stream, events, { ...options, deadline: 1 })).rejects.toBeInstanceOf(
      DeadlineExceededError,
    );
    await expect(readEvents(store.client, stream)).rejects.toBeInstanceOf(StreamNotFoundError);
  });

  test('with a generous deadline, or none, is written', async () => {
    const stream = newStream();
    for (const deadline of [60_000, Number.POSITIVE_INFINITY]) {
      await store.client.appendToStream(stream, numbered(0), { ...options, deadline });
    }
    expect(await readNs(store.client, stream)).toEqual([0, 0]);
  });
});

test('appends that are late do not hold up those that are not', async () => {
  const stream = newStream();
  const appends = numbers(0, 19).map((event, n) =>
    store.client.appendToStream(stream, event, n % 2 ? { deadline: -1000 } : {}).then(
      () => 'written',
      (error: Error) => error.constructor.name,
    ),
  );
  expect(await Promise.all(appends)).toEqual(Array(10).fill(['written', 'DeadlineExceededError']).flat());
  expect(await readNs(store.client, stream)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
});

test('a deletion whose deadline has passed is not done', async () => {
  const stream = newStream();
  await store.client.appendToStream(stream, numbered(0));
  for (const late of [
    store.client.deleteStream(stream, { deadline: -60_000 }),
    store.client.tombstoneStream(stream, { deadline: -60_000 }),
  ]) {
    await expect(late).rejects.toBeInstanceOf(DeadlineExceededError);
  }
  expect(await readNs(store.client, stream)).toEqual([0]);
});

test('the deadline of a call goes before that of the connection', async () => {
  const hasty = store.connect({ defaultDeadline: '60000' });
  await expect(hasty.deleteStream(newStream(), { deadline: -1 })).rejects.toBeInstanceOf(DeadlineExceededError);
  await expect(hasty.listProjections({ deadline: -1 })).rejects.toBeInstanceOf(DeadlineExceededError);
});

test('reads and subscriptions have none', async () => {
  const hasty = store.connect({ defaultDeadline: '1' });
  const stream = newStream();
  await store.client.appendToStream(stream, numbers(0, 1));
  const subscription = hasty.subscribeToStream(stream);
  await once(subscription, 'confirmation');
  expect(await readNs(hasty, stream)).toEqual([0, 1]);
  await store.client.appendToStream(stream, numbered(2));
  expect(await take(subscription, 3)).toHaveLength(3);
  await subscription.unsubscribe();
  expect(await failureOf(hasty.readStream(newStream()))).toBeInstanceOf(StreamNotFoundError);
});

test.each(['0', '-1', '-1000000000000000'])('a connection cannot have the deadline %s', (defaultDeadline) => {
  expect(() => EventStoreDBClient.connectionString(`esdb://host?defaultDeadline=${defaultDeadline}`)).toThrow(
    `Invalid defaultDeadline "${defaultDeadline}". Please provide a positive integer.`,
  );
});
