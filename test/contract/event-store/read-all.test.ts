/** Reads of $all. Others may write to it meanwhile: a test looks at what it has appended itself. */
import { type AllStreamResolvedEvent, BACKWARDS, END, type Position, START } from '@eventstore/db-client';
import { beforeAll, describe, expect, test } from '@jest/globals';
import {
  collect,
  eventStoreUnderTest,
  newStream,
  nOf,
  ns,
  numbered,
  numbers,
  positionNow,
  range,
  readAllOf,
  readEvents,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

/** So many events of others may come between ours. */
const OTHERS_MAX = 20_000;

const commitOf = ({ event }: AllStreamResolvedEvent): bigint => event?.position.commit as bigint;
const isRising = (events: AllStreamResolvedEvent[]): boolean => {
  const commits = events.map(commitOf);
  return commits.every((commit, index) => index === 0 || commit > (commits[index - 1] as bigint));
};

describe('appends to two streams', () => {
  const streams = [newStream('a'), newStream('b')] as const;
  let before: Position;
  let positions: Position[];
  const own = (events: AllStreamResolvedEvent[]) => ns(events.filter(({ event }) => streams.includes(event?.streamId as string)));

  beforeAll(async () => {
    before = await positionNow(store.client);
    await store.client.appendToStream(streams[0], numbers(0, 2));
    await store.client.appendToStream(streams[1], numbers(3, 4));
    await store.client.appendToStream(streams[0], numbered(5));
    positions = (await readAllOf(store.client, before, streams)).map(({ event }) => event?.position as Position);
  });

  test('come in the order of appending, under rising positions', async () => {
    const events = await collect(store.client.readAll({ fromPosition: before }));
    expect(own(events)).toEqual(range(0, 5));
    expect(isRising(events)).toBe(true);
    for (const { event, link, commitPosition } of events) {
      expect(link).toBeUndefined();
      expect(commitPosition).toBe(event?.position.commit);
    }
  });

  test('have the positions that reads of their streams show, at every reading', async () => {
    const again = await readAllOf(store.client, before, streams);
    expect(again.map(({ event }) => event?.position)).toEqual(positions);
    const a = await readEvents(store.client, streams[0]);
    const b = await readEvents(store.client, streams[1]);
    expect([...a.slice(0, 3), ...b, ...a.slice(3)].map(({ position }) => position)).toEqual(positions);
  });

  test.each(range(0, 5))('forwards from the position of event %i begin with it', async (n) => {
    const fromPosition = positions[n] as Position;
    const [first] = await collect(store.client.readAll({ fromPosition, maxCount: 1 }));
    expect([nOf(first?.event), first?.event?.position]).toEqual([n, fromPosition]);
    expect(own(await collect(store.client.readAll({ fromPosition })))).toEqual(range(n, 5));
  });

  test.each(range(0, 5))('backwards from the position of event %i begin with the one before it', async (n) => {
    const fromPosition = positions[n] as Position;
    const read = async (maxCount: number) =>
      own(await collect(store.client.readAll({ direction: BACKWARDS, fromPosition, maxCount })));
    expect((await read(50)).slice(0, n)).toEqual(range(0, n - 1).reverse());
    expect((await read(1)).every((first) => first === n - 1)).toBe(true);
  });

  test('backwards are the same events as forwards', async () => {
    const forwards = await collect(store.client.readAll({ fromPosition: before }));
    const [first, last] = [forwards.at(0), forwards.at(-1)].map((event) => commitOf(event as AllStreamResolvedEvent));
    const maxCount = forwards.length + OTHERS_MAX;
    const backwards = await collect(store.client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount }));
    const isBetween = (event: AllStreamResolvedEvent) =>
      commitOf(event) >= (first as bigint) && commitOf(event) <= (last as bigint);
    expect(backwards.filter(isBetween).reverse()).toEqual(forwards);
  });
});

test('from the start come the oldest events, at most as many as asked for', async () => {
  await positionNow(store.client);
  const [first] = await collect(store.client.readAll({ maxCount: 1 }));
  const two = await collect(store.client.readAll({ fromPosition: START, maxCount: 2 }));
  expect(two[0]).toEqual(first);
  expect(two).toHaveLength(2);
  expect(isRising(two)).toBe(true);
});

test('behind the end there is nothing, and nothing before the start', async () => {
  const stream = newStream();
  const last = (await store.client.appendToStream(stream, numbered(0))).position as Position;
  const ofStream = (events: AllStreamResolvedEvent[]) => events.filter(({ event }) => event?.streamId === stream);
  expect(ofStream(await collect(store.client.readAll({ fromPosition: END })))).toEqual([]);
  const far = last.commit * 1000n;
  expect(ofStream(await collect(store.client.readAll({ fromPosition: { commit: far, prepare: far } })))).toEqual([]);
  expect(await collect(store.client.readAll({ direction: BACKWARDS, fromPosition: START }))).toEqual([]);
});

test('a long read is whole and in order, in both directions', async () => {
  const before = await positionNow(store.client);
  const streams = range(0, 4).map(() => newStream());
  for (const [index, stream] of streams.entries())
    await store.client.appendToStream(stream, numbers(index * 400, index * 400 + 399));
  const forwards = await readAllOf(store.client, before, streams);
  expect(ns(forwards)).toEqual(range(0, 1999));
  const backwards = await collect(store.client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 2000 + OTHERS_MAX }));
  const own = backwards.filter(({ event }) => streams.includes(event?.streamId as string));
  expect(ns(own)).toEqual(range(0, 1999).reverse());
});

test('metadata, deletions and tombstones are events of $all', async () => {
  const { client } = store;
  const before = await positionNow(client);
  const stream = newStream();
  const metadataStream = `$$${stream}`;
  await client.setStreamMetadata(stream, { cacheControl: 5 });
  await client.appendToStream(stream, numbered(0));
  const deleted = await client.deleteStream(stream);
  await client.appendToStream(stream, numbered(1));
  const tombstoned = await client.tombstoneStream(stream);
  const events = await readAllOf(client, before, [stream, metadataStream]);
  expect(events.map(({ event }) => [event?.streamId, event?.revision, event?.type, event?.data])).toEqual([
    [metadataStream, 0n, '$metadata', { $cacheControl: 5 }],
    [stream, 0n, 'Numbered', { n: 0 }],
    [metadataStream, 1n, '$metadata', { $tb: Number(2n ** 63n - 1n) }],
    [stream, 1n, 'Numbered', { n: 1 }],
    [metadataStream, 2n, '$metadata', { $tb: 1 }],
    [stream, 2n ** 63n - 1n, '$streamDeleted', Uint8Array.of()],
  ]);
  expect([events[2]?.event?.position, events[5]?.event?.position]).toEqual([deleted.position, tombstoned.position]);
});
