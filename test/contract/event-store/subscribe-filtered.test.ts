/** Filtered subscriptions to $all, and the checkpoints that tell how far they have looked. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  type AllStreamResolvedEvent,
  END,
  eventTypeFilter,
  excludeSystemEvents,
  type Filter,
  type Position,
  START,
  streamNameFilter,
} from '@eventstore/db-client';
import { describe, expect, test } from '@jest/globals';
import {
  eventStoreUnderTest,
  failureOf,
  linkTo,
  newStream,
  nOf,
  ns,
  numbered,
  numbers,
  positionNow,
  range,
  take,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

/** A word that nothing else begins with, in letters alone. */
const newWord = (): string => [...randomBytes(12)].map((byte) => String.fromCharCode(97 + (byte % 26))).join('');

describe('a filter', () => {
  // Event n goes to stream A-, B-, C- or $D- in turn; the type is made of its letter and of "to" at first and "tä" later.
  const CASES: { name: string; filter: (word: string) => Filter; wanted: (letter: string, type: string) => boolean }[] = [
    {
      name: 'the prefix of a stream',
      filter: (word) => streamNameFilter({ prefixes: [`${word}A`] }),
      wanted: (letter) => letter === 'A',
    },
    {
      name: 'prefixes of streams',
      filter: (word) => streamNameFilter({ prefixes: [`${word}A-`, `${word}C`, 'nobody'] }),
      wanted: (letter) => letter === 'A' || letter === 'C',
    },
    {
      name: 'the prefix of a system stream',
      filter: (word) => streamNameFilter({ prefixes: [`$${word}`] }),
      wanted: (letter) => letter === 'D',
    },
    {
      name: 'a regular expression of streams',
      filter: (word) => streamNameFilter({ regex: `^${word}[AB]-` }),
      wanted: (letter) => letter === 'A' || letter === 'B',
    },
    {
      name: 'a regular expression anywhere in the stream',
      filter: (word) => streamNameFilter({ regex: `${word}[BD]-` }),
      wanted: (letter) => letter === 'B' || letter === 'D',
    },
    {
      name: 'the prefix of a type',
      filter: (word) => eventTypeFilter({ prefixes: [`${word}Bt`] }),
      wanted: (letter) => letter === 'B',
    },
    {
      name: 'prefixes of types',
      filter: (word) => eventTypeFilter({ prefixes: [`${word}Atä`, `${word}C`] }),
      wanted: (letter, type) => letter === 'C' || (letter === 'A' && type === 'tä'),
    },
    { name: 'a regular expression of types', filter: (word) => eventTypeFilter({ regex: `^${word}.t.$` }), wanted: () => true },
    {
      name: 'a regular expression of types with a class',
      filter: (word) => eventTypeFilter({ regex: `^${word}[A-C]to$` }),
      wanted: (letter, type) => letter < 'D' && type === 'to',
    },
    {
      name: 'a regular expression of streams that looks ahead',
      filter: (word) => streamNameFilter({ regex: `^(?!\\$)${word}` }),
      wanted: (letter) => letter < 'D',
    },
  ];

  test.each(CASES)('by $name yields what matches, stored and live', async ({ filter, wanted }) => {
    const { client } = store;
    const word = newWord();
    const fromPosition = await positionNow(client);
    const letters = ['A', 'B', 'C', 'D'];
    const streams = letters.map((letter) => newStream(`${letter === 'D' ? '$' : ''}${word}${letter}`));
    const append = async (from: number, type: string): Promise<void> => {
      for (const n of range(from, from + 15)) {
        await client.appendToStream(streams[n % 4] as string, numbered(n, `${word}${letters[n % 4]}${type}`));
      }
    };
    const expected = range(0, 31).filter((n) => wanted(letters[n % 4] as string, n < 16 ? 'to' : 'tä'));
    await append(0, 'to');
    const seen: AllStreamResolvedEvent[] = [];
    const subscription = client.subscribeToAll({ fromPosition, filter: filter(word) }).on('data', (event) => seen.push(event));
    await once(subscription, 'caughtUp');
    await append(16, 'tä');
    while (seen.length < expected.length) await once(subscription, 'data');
    expect(ns(seen)).toEqual(expected);
    await subscription.unsubscribe();
  });
});

test('a subscription to a word finds it from the very start', async () => {
  const word = newWord();
  const stream = newStream(word);
  await store.client.appendToStream(stream, numbers(0, 4));
  const subscription = store.client.subscribeToAll({ fromPosition: START, filter: streamNameFilter({ prefixes: [word] }) });
  expect(ns(await take(subscription, 5))).toEqual(range(0, 4));
  await subscription.unsubscribe();
});

test('from the end, a filter sees what comes', async () => {
  const word = newWord();
  await store.client.appendToStream(newStream(word), numbered(0));
  const subscription = store.client.subscribeToAll({ fromPosition: END, filter: streamNameFilter({ prefixes: [word] }) });
  await once(subscription, 'confirmation');
  await store.client.appendToStream(newStream(), numbered(1));
  await store.client.appendToStream(newStream(word), numbered(2));
  expect(ns(await take(subscription, 1))).toEqual([2]);
  await subscription.unsubscribe();
});

test('excluding system events leaves out metadata and links', async () => {
  const { client } = store;
  const fromPosition = await positionNow(client);
  const stream = newStream();
  await client.setStreamMetadata(stream, { cacheControl: 1 });
  await client.appendToStream(stream, [numbered(0), linkTo(0, stream), numbered(1)]);
  await client.appendToStream(`$${stream}`, numbered(2));
  await client.deleteStream(stream);
  await client.appendToStream(stream, numbered(3));
  const subscription = client.subscribeToAll({ fromPosition, filter: excludeSystemEvents() });
  const own = await take(subscription, 4, ({ event }) => event?.streamId.endsWith(stream) === true);
  expect(ns(own)).toEqual([0, 1, 2, 3]);
  await subscription.unsubscribe();
});

test('a filter looks at a link itself, not at what it stands for', async () => {
  const { client } = store;
  const [word, other] = [newWord(), newWord()];
  const [target, links] = [newStream(word), newStream(other)];
  const fromPosition = await positionNow(client);
  await client.appendToStream(target, numbers(0, 1));
  await client.appendToStream(links, linkTo(1, target));
  const filter = streamNameFilter({ prefixes: [other] });
  const subscription = client.subscribeToAll({ fromPosition, filter, resolveLinkTos: true });
  const [resolved] = await take(subscription, 1);
  expect([resolved?.link?.streamId, resolved?.event?.streamId, nOf(resolved?.event)]).toEqual([links, target, 1]);
  await subscription.unsubscribe();
});

test('a regular expression that is none is refused', async () => {
  const error = await failureOf(store.client.subscribeToAll({ filter: eventTypeFilter({ regex: '(' }) }));
  expect(error).toMatchObject({ type: 'unknown' });
});

describe('checkpoints', () => {
  test('come at the interval, one at a time, and never between an event and its reader', async () => {
    const { client } = store;
    const fromPosition = await positionNow(client);
    const stream = newStream();
    await client.appendToStream(stream, numbers(0, 7));
    const checkpoints: Position[] = [];
    let isBusy = false;
    const overlaps: number[] = [];
    const checkpointReached = async (_: unknown, position: Position): Promise<void> => {
      checkpoints.push(position);
      isBusy = true;
      await once(client.readStream(stream, { maxCount: 1 }), 'data');
      isBusy = false;
    };
    const filter = excludeSystemEvents({ checkpointInterval: 2, checkpointReached });
    const subscription = client.subscribeToAll({ fromPosition, filter });
    const seen: AllStreamResolvedEvent[] = [];
    subscription.on('data', (event) => {
      if (isBusy) overlaps.push(seen.length);
      if (event.event?.streamId === stream) seen.push(event);
    });
    await once(subscription, 'confirmation');
    for (const batch of range(0, 17)) await client.appendToStream(stream, numbers(8 + batch * 20, 27 + batch * 20));
    await client.appendToStream(stream, numbers(368, 383));
    while (seen.length < 384) await once(subscription, 'data');
    await subscription.unsubscribe();
    expect(ns(seen)).toEqual(range(0, 383));
    expect(overlaps).toEqual([]);
    // The interval is counted in search windows of 32 events; one more may come on catching up.
    expect(checkpoints.length).toBeGreaterThanOrEqual(5);
    expect(isRising(checkpoints)).toBe(true);
    for (const { commit, prepare } of checkpoints) expect([typeof commit, typeof prepare]).toEqual(['bigint', 'bigint']);
  });

  test('come where nothing matches, and are a place to go on from', async () => {
    const { client } = store;
    const fromPosition = await positionNow(client);
    const word = newWord();
    const checkpoints: Position[] = [];
    await client.appendToStream(newStream(), numbers(0, 99));
    const filter = eventTypeFilter({
      prefixes: [word],
      maxSearchWindow: 10,
      checkpointInterval: 2,
      checkpointReached: (_, position) => {
        checkpoints.push(position);
      },
    });
    const subscription = client.subscribeToAll({ fromPosition, filter });
    await client.appendToStream(newStream(), numbered(1, word));
    expect(ns(await take(subscription, 1))).toEqual([1]);
    await client.appendToStream(newStream(), numbers(100, 199));
    await client.appendToStream(newStream(), numbered(2, word));
    const [second] = await take(subscription, 1);
    expect(nOf(second?.event)).toBe(2);
    await subscription.unsubscribe();
    expect(checkpoints.length).toBeGreaterThanOrEqual(8);
    expect(isRising(checkpoints)).toBe(true);

    const later = (checkpoint: Position | undefined) =>
      client.subscribeToAll({ fromPosition: checkpoint as Position, filter: eventTypeFilter({ prefixes: [word] }) });
    for (const [checkpoint, expected] of [
      [checkpoints[2], [1, 2]],
      [checkpoints.findLast(({ commit }) => commit < (second?.commitPosition as bigint)), [2]],
    ] as const) {
      const resumed = later(checkpoint);
      expect(ns(await take(resumed, expected.length))).toEqual(expected);
      await resumed.unsubscribe();
    }
  });
});

const isRising = (positions: Position[]): boolean =>
  positions.every(({ commit }, index) => index === 0 || commit > (positions[index - 1] as Position).commit);
