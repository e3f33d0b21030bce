/** What the metadata of a stream say, and how they limit what is read from it. */
import {
  type AllStreamResolvedEvent,
  BACKWARDS,
  binaryEvent,
  type JSONType,
  jsonEvent,
  NO_STREAM,
  STREAM_EXISTS,
  type StreamMetadata,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { describe, expect, jest, test } from '@jest/globals';
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
  range,
  readAllOf,
  readEvents,
  readNs,
  take,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

const ALL_KEYS = {
  maxAge: 20_000,
  cacheControl: 15,
  truncateBefore: 1,
  maxCount: 12,
  acl: {
    readRoles: ['admin'],
    writeRoles: ['admin', 'ops'],
    deleteRoles: ['admin'],
    metaReadRoles: ['admin'],
    metaWriteRoles: ['admin'],
  },
};

describe('metadata', () => {
  test('are none where none were set', async () => {
    const [absent, written] = [newStream(), newStream()];
    await store.client.appendToStream(written, numbered(0));
    expect(await store.client.getStreamMetadata(absent)).toEqual({ streamName: absent });
    expect(await store.client.getStreamMetadata(written)).toEqual({ streamName: written });
  });

  test.each<[string, StreamMetadata]>([
    ['a part', { maxAge: 2000 }],
    ['all that the server knows', ALL_KEYS],
    ['properties of your own', { maxCount: 12, turkey: '🦃', nested: { a: [1, null] } }],
    ['an access list of one role', { acl: { readRoles: ['$all'] } }],
    ['nothing', {}],
  ])('of %s come back as they were set', async (_, metadata) => {
    const stream = newStream('ümläut / 日本');
    const set = await store.client.setStreamMetadata(stream, metadata);
    const got = await store.client.getStreamMetadata(stream);
    expect(got).toMatchObject({ streamName: stream, metadata });
    expect(got.metadata).toEqual(metadata);
    expect(set.nextExpectedRevision).toBe(0n);
    expect(got.metastreamRevision).toBe(set.position?.commit);
  });

  test('set again replace the former whole', async () => {
    const { client } = store;
    const stream = newStream();
    const former = await client.setStreamMetadata(stream, { maxCount: 12, turkey: '🦃' });
    expect((await client.setStreamMetadata(stream, { maxCount: 11 })).nextExpectedRevision).toBe(1n);
    const got = await client.getStreamMetadata(stream);
    expect(got.metadata).toEqual({ maxCount: 11 });
    expect(got.metastreamRevision).toBeGreaterThan(former.position?.commit as bigint);
  });

  test('are events of the stream of that name behind $$, of which only the newest is read', async () => {
    const { client } = store;
    const stream = newStream();
    for (const maxCount of [5, 6, 7]) await client.setStreamMetadata(stream, { maxCount });
    for (const options of [{}, backwards, { fromRevision: 0n }]) {
      const events = await readEvents(client, `$$${stream}`, options);
      expect(events.map(({ type, revision, data }) => [type, revision, data])).toEqual([['$metadata', 2n, { $maxCount: 7 }]]);
    }
  });

  test('leave out what the client does not know in an access list', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
    const stream = newStream();
    await store.client.setStreamMetadata(stream, { acl: { deleteRoles: ['admin'], chicken: '🐔' } as never });
    expect((await store.client.getStreamMetadata(stream)).metadata).toEqual({ acl: { deleteRoles: ['admin'] } });
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });

  test.each(['maxAge', 'truncateBefore', 'cacheControl', 'maxCount'])('take no fraction as %s', async (key) => {
    const refused = store.client.setStreamMetadata(newStream(), { [key]: 2.5 });
    await expect(refused).rejects.toThrow(`Invalid stream metadata: "${key}" must be an integer.`);
  });

  test('are set at the revision that is expected of them', async () => {
    const { client } = store;
    const stream = newStream();
    const set = (maxCount: number, expectedRevision: bigint | 'no_stream') =>
      client.setStreamMetadata(stream, { maxCount }, { expectedRevision });
    await set(1, NO_STREAM);
    const refused = set(2, NO_STREAM);
    await expect(refused).rejects.toBeInstanceOf(WrongExpectedVersionError);
    await expect(refused).rejects.toMatchObject({ streamName: `$$${stream}`, expectedVersion: NO_STREAM, actualVersion: 0n });
    await set(3, 0n);
    expect(await outcomeOf(set(4, 7n))).toBe('expected 7, is at 1');
    expect((await client.getStreamMetadata(stream)).metadata).toEqual({ maxCount: 3 });
  });

  test('may come before the first event, and do not make a stream that is read', async () => {
    const { client } = store;
    const stream = newStream();
    await client.setStreamMetadata(stream, { maxCount: 2 });
    await expect(readEvents(client, stream)).rejects.toBeInstanceOf(StreamNotFoundError);
    await expect(readEvents(client, stream, backwards)).rejects.toBeInstanceOf(StreamNotFoundError);
    expect((await client.appendToStream(stream, numbers(0, 19), { expectedRevision: STREAM_EXISTS })).nextExpectedRevision).toBe(
      19n,
    );
    expect(await readNs(client, stream)).toEqual([18, 19]);
  });

  // `Numbered` 0 to 4 are appended before and after. Shown are those that are left.
  test.each<[string, Record<string, unknown>, number[]]>([
    ['a count of 2', { $maxCount: 2 }, [8, 9]],
    ['a count beyond what there is', { $maxCount: 20 }, range(0, 9)],
    ['truncation before 7', { $tb: 7 }, [7, 8, 9]],
    ['truncation before what is next', { $tb: 10 }, []],
    ['truncation before what may come', { $tb: 12 }, []],
    ['the narrower of count and truncation', { $maxCount: 4, $tb: 8 }, [8, 9]],
    ['the narrower of truncation and count', { $maxCount: 2, $tb: 3 }, [8, 9]],
    ['an age that none has reached', { $maxAge: 100_000 }, range(0, 9)],
    ['a count of 0', { $maxCount: 0 }, range(0, 9)],
    ['a negative count', { $maxCount: -1, $tb: 8 }, [8, 9]],
    ['a negative truncation', { $maxCount: 2, $tb: -5 }, [8, 9]],
    ['an age of 0', { $maxAge: 0, $maxCount: 2 }, [8, 9]],
    ['no property that limits', { $acl: { $r: '$admins' }, $cacheControl: 3, a: 1 }, range(0, 9)],
    ['a count that is no number', { $maxCount: '2', $tb: 5 }, range(0, 9)],
    ['a count that is null', { $maxCount: null, $tb: 5 }, range(0, 9)],
    ['an age that is no number', { $maxCount: 2, $maxAge: 'x' }, range(0, 9)],
    ['a truncation that is a fraction', { $maxCount: 2, $tb: 1.5 }, range(0, 9)],
  ])('with %s', async (_, metadata, left) => {
    const { client } = store;
    const stream = newStream();
    await client.appendToStream(stream, numbers(0, 4));
    await client.appendToStream(`$$${stream}`, jsonEvent({ type: '$metadata', data: metadata as JSONType }));
    await client.appendToStream(stream, numbers(5, 9));
    expect(await readNs(client, stream)).toEqual(left);
    expect(await readNs(client, stream, backwards)).toEqual([...left].reverse());
    expect(await readNs(client, stream, { maxCount: 1 })).toEqual(left.slice(0, 1));
    expect(await readNs(client, stream, { fromRevision: 9n })).toEqual(left.slice(-1));
    expect(await readNs(client, stream, { direction: BACKWARDS, fromRevision: 8n, maxCount: 2 })).toEqual(
      left.filter((n) => n === 7 || n === 8).reverse(),
    );
    expect((await client.appendToStream(stream, numbered(10), { expectedRevision: 9n })).nextExpectedRevision).toBe(10n);
  });

  test.each<[string, Record<string, unknown>]>([
    ['cache control', { $maxCount: 2, $cacheControl: 'x' }],
    ['access list', { $maxCount: 2, $acl: 'x' }],
  ])('with a %s of the wrong kind limit nothing', async (_, metadata) => {
    const { client } = store;
    const stream = newStream();
    await client.appendToStream(`$$${stream}`, jsonEvent({ type: '$metadata', data: metadata as JSONType }));
    await client.appendToStream(stream, numbers(0, 4));
    expect(await readNs(client, stream)).toEqual(range(0, 4));
  });

  test('that are not JSON limit nothing', async () => {
    const { client } = store;
    for (const data of ['{"$maxCount":1}', 'nonsense']) {
      const stream = newStream();
      await client.appendToStream(`$$${stream}`, binaryEvent({ type: '$metadata', data: Uint8Array.from(Buffer.from(data)) }));
      await client.appendToStream(stream, numbers(0, 1));
      expect(await readNs(client, stream)).toEqual([0, 1]);
    }
  });
});

describe('$maxCount', () => {
  test('moves with every append, under the revisions the events have', async () => {
    const { client } = store;
    const stream = newStream();
    await client.setStreamMetadata(stream, { maxCount: 3 });
    for (const n of range(0, 9)) {
      await client.appendToStream(stream, numbered(n), { expectedRevision: n ? BigInt(n - 1) : NO_STREAM });
      expect(await readNs(client, stream)).toEqual(range(Math.max(0, n - 2), n));
    }
    expect((await readEvents(client, stream)).map(({ revision }) => revision)).toEqual([7n, 8n, 9n]);
  });

  test('cuts through the events of one append', async () => {
    const { client } = store;
    const stream = newStream();
    await client.setStreamMetadata(stream, { maxCount: 2 });
    await client.appendToStream(stream, numbers(0, 4));
    expect(await readNs(client, stream)).toEqual([3, 4]);
    await client.appendToStream(stream, numbered(5));
    expect(await readNs(client, stream)).toEqual([4, 5]);
    await client.appendToStream(stream, numbers(6, 9));
    expect(await readNs(client, stream, backwards)).toEqual([9, 8]);
  });

  test('that comes late shows the newest, and one that goes shows what comes from then on', async () => {
    const { client } = store;
    const stream = newStream();
    await Promise.all(range(0, 99).map((n) => client.appendToStream(stream, numbered(n))));
    await client.setStreamMetadata(stream, { maxCount: 1 });
    expect(await readNs(client, stream)).toEqual([99]);
    await client.setStreamMetadata(stream, {});
    await client.appendToStream(stream, numbers(100, 101));
    expect((await readNs(client, stream)).slice(-3)).toEqual([99, 100, 101]);
  });

  test('leaves to a subscriber what it leaves to a reader', async () => {
    const { client } = store;
    const stream = newStream();
    await client.setStreamMetadata(stream, { maxCount: 2 });
    await client.appendToStream(stream, numbers(0, 4));
    const subscription = client.subscribeToStream(stream);
    expect(ns(await take(subscription, 2))).toEqual([3, 4]);
    await client.appendToStream(stream, numbered(5));
    expect(ns(await take(subscription, 1))).toEqual([5]);
    await subscription.unsubscribe();
  });

  test('keeps neither its newest events nor those of others from $all, nor their order', async () => {
    const { client } = store;
    const fromPosition = await positionNow(client);
    const [stream, other] = [newStream(), newStream()];
    await client.setStreamMetadata(stream, { maxCount: 1 });
    const streamsOf = (n: number) => (n % 10 === 0 ? [stream, other] : [stream]);
    const appends = range(0, 49).flatMap((n) => streamsOf(n).map((name) => client.appendToStream(name, numbered(n))));
    await Promise.all(appends);
    const stored = await readAllOf(client, fromPosition, [stream, other]);
    expect(ns(stored.filter(({ event }) => event?.streamId === other))).toEqual([0, 10, 20, 30, 40]);
    expect(nOf(stored.at(-1)?.event)).toBe(49);
    const subscription = client.subscribeToAll({ fromPosition });
    const isOwn = ({ event }: AllStreamResolvedEvent) => [stream, other].includes(event?.streamId as string);
    expect(await take(subscription, stored.length, isOwn)).toEqual(stored);
    await subscription.unsubscribe();
  });
});

describe('$tb', () => {
  test('takes nothing from $all, and gives back what it is set back to', async () => {
    const { client } = store;
    const before = await positionNow(client);
    const stream = newStream();
    await client.appendToStream(stream, numbers(0, 4));
    await client.setStreamMetadata(stream, { truncateBefore: 3 });
    expect(await readNs(client, stream)).toEqual([3, 4]);
    expect(ns(await readAllOf(client, before, [stream]))).toEqual(range(0, 4));
    await client.setStreamMetadata(stream, { truncateBefore: 1 });
    expect(await readNs(client, stream)).toEqual([1, 2, 3, 4]);
  });

  test('beyond the end hides what comes until it is reached', async () => {
    const { client } = store;
    const stream = newStream();
    await client.setStreamMetadata(stream, { truncateBefore: 3 });
    await client.appendToStream(stream, numbers(0, 1));
    expect(await readNs(client, stream)).toEqual([]);
    await client.appendToStream(stream, numbers(2, 4));
    expect(await readNs(client, stream)).toEqual([3, 4]);
  });
});

test('$maxAge hides an event once it is that old, and the stream is there without events', async () => {
  const { client } = store;
  const stream = newStream();
  await client.appendToStream(stream, numbers(0, 2));
  await client.setStreamMetadata(stream, { maxAge: 1 });
  let left = await readNs(client, stream);
  while (left.length > 0) left = await readNs(client, stream);
  expect(await readNs(client, stream, backwards)).toEqual([]);
  await client.setStreamMetadata(stream, { maxAge: 1000 });
  expect(await readNs(client, stream)).toEqual([0, 1, 2]);
  await client.setStreamMetadata(stream, { maxAge: 1 });
  await client.appendToStream(stream, numbered(3), { expectedRevision: 2n });
  for (const n of await readNs(client, stream)) expect(n).toBe(3);
});
