/** Connections: how they find the node, what ends them, and what does not. */
import { once } from 'node:events';
import { StreamNotFoundError, UnavailableError, WrongExpectedVersionError } from '@eventstore/db-client';
import { describe, expect, test } from '@jest/globals';
import {
  APPEND_CALLS,
  eventStoreUnderTest,
  failureOf,
  newStream,
  ns,
  numbered,
  numbers,
  readEvents,
  readNs,
  take,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

/** gRPC's status. The client makes an UnavailableError of it in most calls, and hands it on as it is in the first. */
const UNAVAILABLE = 14;

test('a connection finds the node by gossip', async () => {
  const discovering = store.connect({}, store.connectionString.replace(/^esdb:/, 'esdb+discover:'));
  const stream = newStream();
  await discovering.appendToStream(stream, numbered(1));
  expect(await readNs(discovering, stream)).toEqual([1]);
});

test('a connection asks for the leader and finds it', async () => {
  const stream = newStream();
  for (const { options } of APPEND_CALLS) {
    await store.client.appendToStream(stream, numbered(0), { ...options, requiresLeader: true });
  }
  expect(await readNs(store.client, stream, { requiresLeader: true })).toEqual([0, 0]);
});

test('an error of one call leaves the connection, and the others on it, as they were', async () => {
  const stream = newStream();
  const subscription = store.client.subscribeToStream(stream);
  await once(subscription, 'confirmation');
  await expect(readEvents(store.client, newStream())).rejects.toBeInstanceOf(StreamNotFoundError);
  await expect(store.client.deleteStream(newStream())).rejects.toBeInstanceOf(WrongExpectedVersionError);
  await store.client.appendToStream(stream, numbered(0));
  await expect(store.client.appendToStream(stream, numbered(1), { expectedRevision: 5n })).rejects.toBeInstanceOf(
    WrongExpectedVersionError,
  );
  await store.client.appendToStream(stream, numbered(2));
  expect(ns(await take(subscription, 2))).toEqual([0, 2]);
  await subscription.unsubscribe();
});

test('a connection to where no node is fails by name', async () => {
  const nowhere = store.connect({}, 'esdb://127.0.0.1:1?tls=false');
  const appends = APPEND_CALLS.map(({ options }) => nowhere.appendToStream(newStream(), numbered(0), options));
  for (const append of appends) await expect(append).rejects.toMatchObject({ code: UNAVAILABLE });
  expect(await failureOf(nowhere.readStream(newStream()))).toBeInstanceOf(UnavailableError);
  expect(await failureOf(nowhere.subscribeToAll())).toBeInstanceOf(UnavailableError);
});

describe('a connection that is disposed of', () => {
  test('ends its subscriptions and reads without an error, and may be used again', async () => {
    const client = store.connect();
    const stream = newStream();
    await client.appendToStream(stream, numbers(0, 99));
    const open = [
      client.subscribeToStream(stream),
      client.subscribeToStream(newStream()),
      client.subscribeToAll(),
      client.subscribeToAll(),
    ];
    const errors: Error[] = [];
    const ends = open.map((subscription) =>
      once(
        subscription.on('error', (error) => errors.push(error)),
        'end',
      ),
    );
    for (const subscription of open) subscription.on('data', () => {});
    await Promise.all(open.map((subscription) => once(subscription, 'caughtUp')));
    const reads = [client.readStream(stream), client.readAll()];
    const readEnds = reads.map((read) =>
      once(
        read.on('error', (error) => errors.push(error)).on('data', () => {}),
        'end',
      ),
    );
    await Promise.all(reads.map((read) => once(read, 'data')));
    await client.dispose();
    await Promise.all([...ends, ...readEnds]);
    expect(errors).toEqual([]);
    expect((await client.appendToStream(stream, numbers(100, 101))).nextExpectedRevision).toBe(101n);
    expect(await readEvents(client, stream)).toHaveLength(102);
  });

  test('between appends, leaves others alone', async () => {
    const [client, other] = [store.connect(), store.connect()];
    const stream = newStream();
    const subscription = other.subscribeToStream(stream);
    await once(subscription, 'confirmation');
    for (const n of [0, 1, 2]) {
      await client.appendToStream(stream, numbered(n));
      await client.dispose();
    }
    expect(ns(await take(subscription, 3))).toEqual([0, 1, 2]);
    await subscription.unsubscribe();
  });
});
