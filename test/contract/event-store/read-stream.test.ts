/** Reads of a stream, from any place in both directions. */
import { BACKWARDS, binaryEvent, END, FORWARDS, InvalidArgumentError, START, StreamNotFoundError } from '@eventstore/db-client';
import { beforeAll, describe, expect, test } from '@jest/globals';
import {
  backwards,
  collect,
  eventStoreUnderTest,
  failureOf,
  newStream,
  numbered,
  numbers,
  range,
  readEvents,
  readNs,
  wide,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

describe('a stream of ten events in five appends', () => {
  const stream = newStream();
  beforeAll(async () => {
    await store.client.appendToStream(newStream(), numbers(100, 104));
    await store.client.appendToStream(stream, numbers(0, 4));
    for (const n of [5, 6]) await store.client.appendToStream(stream, numbered(n));
    await store.client.appendToStream(newStream(), numbers(200, 204));
    await store.client.appendToStream(stream, numbers(7, 8));
    await store.client.appendToStream(stream, numbered(9));
  });

  test.each([
    { options: {}, expected: range(0, 9) },
    { options: { direction: FORWARDS, fromRevision: START } as const, expected: range(0, 9) },
    { options: { maxCount: 3 }, expected: [0, 1, 2] },
    { options: { maxCount: 3n }, expected: [0, 1, 2] },
    { options: { maxCount: 1000 }, expected: range(0, 9) },
    { options: { fromRevision: 0n }, expected: range(0, 9) },
    { options: { fromRevision: 1n }, expected: range(1, 9) },
    { options: { fromRevision: 3n, maxCount: 4 }, expected: [3, 4, 5, 6] },
    { options: { fromRevision: 9n }, expected: [9] },
    { options: { fromRevision: 10n }, expected: [] },
    { options: { fromRevision: 1_000_000_000_000n }, expected: [] },
    { options: { fromRevision: END } as const, expected: [] },
    { options: backwards, expected: range(0, 9).reverse() },
    { options: { ...backwards, maxCount: 1 }, expected: [9] },
    { options: { ...backwards, maxCount: 4 }, expected: [9, 8, 7, 6] },
    { options: { direction: BACKWARDS, fromRevision: 1n } as const, expected: [1, 0] },
    { options: { direction: BACKWARDS, fromRevision: 5n, maxCount: 3 } as const, expected: [5, 4, 3] },
    { options: { direction: BACKWARDS, fromRevision: 0n } as const, expected: [0] },
    { options: { direction: BACKWARDS, fromRevision: START } as const, expected: [0] },
    { options: { direction: BACKWARDS } as const, expected: [0] },
  ])('read with $options yields $expected', async ({ options, expected }) => {
    expect(await readNs(store.client, stream, options)).toEqual(expected);
  });

  test('read backwards is the same events as read forwards', async () => {
    const forwards = await collect(store.client.readStream(stream));
    expect((await collect(store.client.readStream(stream, backwards))).reverse()).toEqual(forwards);
    for (const { event, link, commitPosition } of forwards) {
      expect(link).toBeUndefined();
      expect(commitPosition).toBe(event?.position?.commit);
    }
  });

  test.each([{ fromRevision: -1n }, { fromRevision: 2n ** 64n }])(
    'cannot be read from $fromRevision',
    async ({ fromRevision }) => {
      await expect(readEvents(store.client, stream, { direction: BACKWARDS, fromRevision })).rejects.toBeInstanceOf(
        InvalidArgumentError,
      );
    },
  );

  test('can be read by many at once', async () => {
    const reads = await Promise.all(range(1, 100).map(() => readNs(store.client, stream)));
    for (const read of reads) expect(read).toEqual(range(0, 9));
  });

  test('can be left while it is read', async () => {
    const read = store.client.readStream(stream);
    await read.cancel();
    expect(await readNs(store.client, stream)).toEqual(range(0, 9));
  });
});

test('a read tells JSON from bytes', async () => {
  const stream = newStream();
  const data = Uint8Array.from(Buffer.from('hello: 1'));
  await store.client.appendToStream(stream, [...numbers(0, 3, 'json-test'), binaryEvent({ type: 'binary-test', data })]);
  const [json, bytes] = await readEvents(store.client, stream, { fromRevision: 3n });
  expect(json).toMatchObject({ isJson: true, type: 'json-test', data: { n: 3 } });
  expect(bytes).toMatchObject({ isJson: false, type: 'binary-test' });
  expect(Buffer.from(bytes?.data as Uint8Array).toString()).toBe('hello: 1');
});

test('a read yields what was there when it began, and what was appended before it', async () => {
  const stream = newStream();
  for (let n = 0; n < 50; n++) {
    await store.client.appendToStream(stream, numbered(n));
    expect(await readNs(store.client, stream, { ...backwards, maxCount: 1 })).toEqual([n]);
  }
});

describe('a stream that does not exist', () => {
  test.each([
    {},
    { fromRevision: END },
    { fromRevision: 5n },
    { maxCount: 1 },
    backwards,
    { direction: BACKWARDS, fromRevision: 5n },
  ] as const)('read with %p is not found', async (options) => {
    const missing = newStream('☂');
    const read = readEvents(store.client, missing, options);
    await expect(read).rejects.toBeInstanceOf(StreamNotFoundError);
    await expect(read).rejects.toMatchObject({ type: 'stream-not-found', streamName: missing });
  });

  test('is an error of the readable stream too', async () => {
    expect(await failureOf(store.client.readStream(newStream()))).toBeInstanceOf(StreamNotFoundError);
  });

  test('is found after its first append', async () => {
    const stream = newStream();
    await expect(readEvents(store.client, stream)).rejects.toBeInstanceOf(StreamNotFoundError);
    await store.client.appendToStream(stream, numbered(0));
    expect(await readNs(store.client, stream)).toEqual([0]);
  });
});

test('a read of a stream that is deleted meanwhile does not end as if it had come to the end', async () => {
  const stream = newStream();
  for (let turn = 0; turn < 4; turn++) {
    const events = range(1, 1_000).map((n) => wide(n, 400));
    await store.client.appendToStream(stream, events);
  }
  let seen = 0;
  const read = (async () => {
    for await (const _ of store.client.readStream(stream)) if (++seen === 1) await store.client.deleteStream(stream);
  })();
  await expect(read).rejects.toBeInstanceOf(StreamNotFoundError);
  expect(seen).toBeLessThan(4_000);
});
