/** Subscriptions to $all. Others may write meanwhile: a test looks at its own streams. */
import { once } from 'node:events';
import { type AllStreamResolvedEvent, END, type Position, START } from '@eventstore/db-client';
import { expect, test } from '@jest/globals';
import {
  eventStoreUnderTest,
  newStream,
  ns,
  numbered,
  numbers,
  positionNow,
  range,
  readAllOf,
  take,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

const among =
  (...streams: string[]) =>
  ({ event }: AllStreamResolvedEvent): boolean =>
    streams.includes(event?.streamId as string);

test('from the start comes everything, stored and live', async () => {
  const [a, b] = [newStream('a'), newStream('b')];
  await store.client.appendToStream(a, numbers(0, 3));
  await store.client.appendToStream(b, numbers(4, 7));
  for (const from of [{}, { fromPosition: START }] as const) {
    const c = newStream('c');
    const subscription = store.client.subscribeToAll(from);
    const stored = await take(subscription, 8, among(a, b));
    await store.client.appendToStream(c, numbers(8, 11));
    expect(ns([...stored, ...(await take(subscription, 4, among(a, b, c)))])).toEqual(range(0, 11));
    await subscription.unsubscribe();
  }
});

test('from the end comes only what is appended after the confirmation', async () => {
  const stream = newStream();
  await store.client.appendToStream(stream, numbers(0, 3));
  const subscription = store.client.subscribeToAll({ fromPosition: END });
  await once(subscription, 'confirmation');
  await store.client.appendToStream(stream, numbers(4, 6));
  expect(ns(await take(subscription, 3, among(stream)))).toEqual([4, 5, 6]);
  await subscription.unsubscribe();
});

test('from a position comes what lies behind it, even in the middle of an append', async () => {
  const { client } = store;
  const before = await positionNow(client);
  const [a, b] = [newStream('a'), newStream('b')];
  await client.appendToStream(a, numbers(0, 2));
  await client.appendToStream(b, numbers(3, 5));
  const stored = await readAllOf(client, before, [a, b]);
  for (const [index, { event }] of stored.entries()) {
    const subscription = client.subscribeToAll({ fromPosition: event?.position as Position });
    const live = newStream('live');
    await once(subscription, 'confirmation');
    await client.appendToStream(live, numbered(6));
    expect(ns(await take(subscription, 6 - index, among(a, b, live)))).toEqual(range(index + 1, 6));
    await subscription.unsubscribe();
  }
});

test('it says once that it has caught up, after what was stored', async () => {
  const stream = newStream();
  const fromPosition = await positionNow(store.client);
  await store.client.appendToStream(stream, numbers(0, 2));
  const story: string[] = [];
  const subscription = store.client
    .subscribeToAll({ fromPosition })
    .on('confirmation', () => story.push('confirmed'))
    .on('caughtUp', () => story.push('caught up'))
    .on('data', (event) => {
      if (among(stream)(event)) story.push('event');
    });
  await once(subscription, 'caughtUp');
  for (const n of range(3, 4)) {
    await store.client.appendToStream(stream, numbered(n));
    while (story.filter((part) => part === 'event').length <= n) await once(subscription, 'data');
  }
  expect(story).toEqual(['confirmed', 'event', 'event', 'event', 'caught up', 'event', 'event']);
  await subscription.unsubscribe();
});

test('events come with the positions that reads show', async () => {
  const { client } = store;
  const fromPosition = await positionNow(client);
  const stream = newStream();
  await client.appendToStream(stream, numbers(0, 1));
  const subscription = client.subscribeToAll({ fromPosition });
  const stored = await take(subscription, 2, among(stream));
  await client.appendToStream(stream, numbers(2, 3));
  const live = await take(subscription, 2, among(stream));
  expect([...stored, ...live]).toEqual(await readAllOf(client, fromPosition, [stream]));
  await subscription.unsubscribe();
});

test('appends to many streams go on while subscriptions begin: all see all, in the one order', async () => {
  const { client } = store;
  const fromPosition = await positionNow(client);
  const streams = range(0, 4).map(() => newStream());
  const subscriptions: ReturnType<typeof client.subscribeToAll>[] = [];
  const appends: Promise<unknown>[] = [];
  for (const n of range(0, 299)) {
    appends.push(client.appendToStream(streams[n % 5] as string, numbered(n)));
    if (n % 50 === 49) {
      subscriptions.push(client.subscribeToAll({ fromPosition }));
      await Promise.all(appends);
    }
  }
  const stored = await readAllOf(client, fromPosition, streams);
  expect(ns(stored).sort((a, b) => Number(a) - Number(b))).toEqual(range(0, 299));
  for (const subscription of subscriptions) {
    expect(await take(subscription, 300, among(...streams))).toEqual(stored);
    await subscription.unsubscribe();
  }
});

test('as an async iterator it is left by leaving the loop', async () => {
  const stream = newStream();
  const fromPosition = await positionNow(store.client);
  const subscription = store.client.subscribeToAll({ fromPosition });
  const appended = store.client.appendToStream(stream, [...numbers(0, 7), numbered(8, 'Finish')]);
  const seen: AllStreamResolvedEvent[] = [];
  for await (const resolved of subscription) {
    if (among(stream)(resolved)) seen.push(resolved);
    if (resolved.event?.type === 'Finish') break;
  }
  expect(ns(seen)).toEqual(range(0, 8));
  await appended;
});
