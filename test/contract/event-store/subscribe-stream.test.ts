/** Subscriptions to a stream: what is stored, then what comes, each event once and in order. */
import { once } from 'node:events';
import { type Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { END, NO_STREAM, type ResolvedEvent, START } from '@eventstore/db-client';
import { describe, expect, test } from '@jest/globals';
import {
  APPEND_CALLS,
  eventStoreUnderTest,
  newStream,
  nOf,
  ns,
  numbered,
  numbers,
  range,
  take,
  wide,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

describe('a subscription to four events', () => {
  test.each([
    { from: {}, stored: [0, 1, 2, 3] },
    { from: { fromRevision: START }, stored: [0, 1, 2, 3] },
    { from: { fromRevision: 0n }, stored: [1, 2, 3] },
    { from: { fromRevision: 2n }, stored: [3] },
    { from: { fromRevision: 3n }, stored: [] },
    { from: { fromRevision: END }, stored: [] },
  ] as const)('with $from yields $stored, says that it has caught up, and goes on', async ({ from, stored }) => {
    const stream = newStream();
    await store.client.appendToStream(stream, numbers(0, 3));
    await store.client.appendToStream(newStream(), numbers(100, 103));
    const story: (string | number | undefined)[] = [];
    const subscription = store.client
      .subscribeToStream(stream, from)
      .on('confirmation', () => story.push('confirmed'))
      .on('caughtUp', () => story.push('caught up'))
      .on('data', ({ event }) => story.push(nOf(event)));
    const ended = once(subscription, 'end');
    await once(subscription, 'caughtUp');
    for (const n of range(4, 6)) {
      const live = once(subscription, 'data');
      await store.client.appendToStream(stream, numbered(n));
      await live;
    }
    expect(story).toEqual(['confirmed', ...stored, 'caught up', 4, 5, 6]);
    expect(typeof subscription.id).toBe('string');
    await subscription.unsubscribe();
    await ended;
  });
});

test('a subscription behind the end begins behind the revision it names', async () => {
  const stream = newStream();
  await store.client.appendToStream(stream, numbers(0, 1));
  const subscription = store.client.subscribeToStream(stream, { fromRevision: 4n });
  await once(subscription, 'confirmation');
  for (const n of range(2, 6)) await store.client.appendToStream(stream, numbered(n));
  expect(ns(await take(subscription, 2))).toEqual([5, 6]);
  await subscription.unsubscribe();
});

test.each([{}, { fromRevision: END }, { fromRevision: 0n }] as const)(
  'a subscription with %p may wait for its stream to come',
  async (from) => {
    const stream = newStream();
    const subscription = store.client.subscribeToStream(stream, from);
    await once(subscription, 'confirmation');
    await store.client.appendToStream(stream, numbered(0), { expectedRevision: NO_STREAM });
    await store.client.appendToStream(stream, numbers(1, 2));
    const expected = 'fromRevision' in from && from.fromRevision === 0n ? [1, 2] : [0, 1, 2];
    expect(ns(await take(subscription, expected.length))).toEqual(expected);
    await subscription.unsubscribe();
  },
);

test('appends go on while subscriptions begin, and none of them has a gap or a repetition', async () => {
  const stream = newStream();
  const length = 600;
  await store.client.appendToStream(stream, numbers(0, 99));
  const subscriptions: { from: number; subscription: ReturnType<typeof store.client.subscribeToStream> }[] = [];
  for (let n = 100; n < length; n++) {
    if (n % 50 === 0) {
      for (const from of [0, n - 30]) {
        const fromRevision = from === 0 ? START : BigInt(from - 1);
        subscriptions.push({ from, subscription: store.client.subscribeToStream(stream, { fromRevision }) });
      }
    }
    const appended = store.client.appendToStream(stream, numbered(n));
    if (n % 10 === 0) await appended;
  }
  for (const { from, subscription } of subscriptions) {
    expect(ns(await take(subscription, length - from))).toEqual(range(from, length - 1));
    await subscription.unsubscribe();
  }
});

test.each(APPEND_CALLS)('events appended by $call reach a subscription that is new each time', async ({ options }) => {
  for (const _ of range(1, 20)) {
    const stream = newStream();
    const [prior, post] = [numbers(0, 2), numbers(3, 9)];
    const first = await store.client.appendToStream(stream, prior, { ...options, expectedRevision: NO_STREAM });
    const subscription = store.client.subscribeToStream(stream, { fromRevision: START });
    const stored = await take(subscription, 3);
    await store.client.appendToStream(stream, post, { ...options, expectedRevision: first.nextExpectedRevision });
    const live = await take(subscription, 7);
    expect([...stored, ...live].map(({ event }) => event?.id)).toEqual([...prior, ...post].map(({ id }) => id));
    await subscription.unsubscribe();
  }
});

test('a reader that stops for a while gets everything once it goes on', async () => {
  const stream = newStream();
  const append = (batch: number) =>
    store.client.appendToStream(
      stream,
      range(batch * 50, batch * 50 + 49).map((n) => wide(n, 10_000)),
    );
  await append(0);
  const subscription = store.client.subscribeToStream(stream);
  const first = await take(subscription, 1);
  await append(1);
  const second = await take(subscription, 99);
  for (const batch of range(2, 15)) await append(batch);
  expect(ns([...first, ...second, ...(await take(subscription, 700))])).toEqual(range(0, 799));
  await subscription.unsubscribe();
});

test('hundreds of subscribers get everything', async () => {
  const stream = newStream();
  const other = newStream();
  await store.client.appendToStream(stream, numbers(0, 4));
  const subscriptions = range(1, 300).map(() => store.client.subscribeToStream(stream));
  const taken = subscriptions.map((subscription) => take(subscription, 10));
  for (const n of range(5, 9)) {
    await store.client.appendToStream(stream, numbered(n));
    await store.client.appendToStream(other, numbered(n));
  }
  for (const events of await Promise.all(taken)) expect(ns(events)).toEqual(range(0, 9));
  await Promise.all(subscriptions.map((subscription) => subscription.unsubscribe()));
});

test('after it is left, a subscription yields nothing more and others go on', async () => {
  const stream = newStream();
  const [left, kept] = [store.client.subscribeToStream(stream), store.client.subscribeToStream(stream)];
  await Promise.all([left, kept].map((subscription) => once(subscription, 'confirmation')));
  await store.client.appendToStream(stream, numbered(0));
  const [first] = await Promise.all([take(left, 1), take(kept, 1)]);
  expect(ns(first)).toEqual([0]);
  const ended = once(left, 'end');
  const late: unknown[] = [];
  left.on('data', (event) => late.push(event));
  await left.unsubscribe();
  await ended;
  await store.client.appendToStream(stream, numbered(1));
  expect(ns(await take(kept, 1))).toEqual([1]);
  expect(late).toEqual([]);
  await kept.unsubscribe();
});

describe('as a readable stream of Node, a subscription', () => {
  const finishing = async (): Promise<string> => {
    const stream = newStream();
    await store.client.appendToStream(stream, [...numbers(0, 7), numbered(8, 'Finish')]);
    return stream;
  };

  test('is iterated, and left by leaving the loop', async () => {
    const seen: ResolvedEvent[] = [];
    for await (const resolved of store.client.subscribeToStream(await finishing())) {
      seen.push(resolved);
      if (resolved.event?.type === 'Finish') break;
    }
    expect(ns(seen)).toEqual(range(0, 8));
  });

  test('waits for the body of the loop', async () => {
    const stream = newStream();
    const subscription = store.client.subscribeToStream(stream);
    await once(subscription, 'confirmation');
    await store.client.appendToStream(stream, [...numbers(0, 98), numbered(99, 'Finish')]);
    const seen: ResolvedEvent[] = [];
    for await (const resolved of subscription) {
      await setImmediate();
      seen.push(resolved);
      if (resolved.event?.type === 'Finish') break;
    }
    expect(ns(seen)).toEqual(range(0, 99));
  });

  test('flows through a pipeline', async () => {
    const subscription = store.client.subscribeToStream(await finishing());
    const seen: ResolvedEvent[] = [];
    const sink = new Writable({
      objectMode: true,
      write: (resolved: ResolvedEvent, _encoding, done) => {
        seen.push(resolved);
        if (resolved.event?.type !== 'Finish') return done();
        subscription.unsubscribe().then(() => done());
      },
    });
    await pipeline(subscription as unknown as Readable, sink);
    expect(ns(seen)).toEqual(range(0, 8));
  });

  test('tells all who listen, and those no more who have stopped', async () => {
    const stream = await finishing();
    const calls = { first: 0, second: 0, once: 0, off: 0, end: 0 };
    const off = () => calls.off++;
    const subscription = store.client.subscribeToStream(stream, { fromRevision: 2n });
    subscription
      .on('data', () => calls.first++)
      .on('data', ({ event }) => {
        calls.second++;
        if (event?.type === 'Finish') subscription.unsubscribe();
      })
      .on('data', off)
      .once('data', () => calls.once++)
      .on('end', () => calls.end++)
      .off('data', off);
    await once(subscription, 'end');
    expect(calls).toEqual({ first: 6, second: 6, once: 1, off: 0, end: 1 });
  });
});

test.each([
  ['deleted', (stream: string) => store.client.deleteStream(stream)],
  ['hidden by $tb', (stream: string) => store.client.setStreamMetadata(stream, { truncateBefore: 10 })],
  [
    'hidden by $maxCount and $tb',
    (stream: string) => store.client.setStreamMetadata(stream, { maxCount: 3, truncateBefore: 10 }),
  ],
])('events that are %s do not come again with the tombstone', async (_, hide) => {
  const stream = newStream();
  await store.client.appendToStream(stream, numbers(0, 3));
  await hide(stream);
  const types: (string | undefined)[] = [];
  const subscription = store.client.subscribeToStream(stream, { fromRevision: START });
  subscription.on('data', ({ event }) => types.push(event?.type));
  await once(subscription, 'caughtUp');
  const failed = once(subscription, 'error').catch((error) => [error]);
  await store.client.tombstoneStream(stream);
  await failed;
  expect(types).toEqual(['$streamDeleted']);
});

test('who has caught up sees what comes, also where it is deleted or superseded at once', async () => {
  const stream = newStream();
  await store.client.appendToStream(stream, numbered(0));
  const subscriptions = range(1, 10).map(() => store.client.subscribeToStream(stream));
  const metadata = store.client.subscribeToStream(`$$${stream}`);
  await Promise.all([...subscriptions, metadata].map((subscription) => once(subscription, 'caughtUp')));
  const all = subscriptions.map((subscription) => take(subscription, 2));
  const written = take(metadata, 20);
  await Promise.all([store.client.appendToStream(stream, numbered(1)), store.client.deleteStream(stream)]);
  for (const events of await Promise.all(all)) expect(ns(events)).toEqual([0, 1]);
  const cacheControls = range(1, 19);
  await Promise.all(cacheControls.map((cacheControl) => store.client.setStreamMetadata(stream, { cacheControl })));
  expect(await written).toHaveLength(20);
  await Promise.all([...subscriptions, metadata].map((subscription) => subscription.unsubscribe()));
});
