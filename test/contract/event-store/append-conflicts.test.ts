/** What an append is answered by where it expects the stream to be. EventStoreDB decides so in IndexWriter.CheckCommit. */
import {
  ANY,
  type AppendExpectedRevision,
  NO_STREAM,
  STREAM_EXISTS,
  StreamDeletedError,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { describe, expect, test } from '@jest/globals';
import {
  APPEND_CALLS,
  eventStoreUnderTest,
  newStream,
  numbered,
  numbers,
  outcomeOf,
  range,
  readEvents,
  readNs,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

const EXPECTATIONS: AppendExpectedRevision[] = [ANY, NO_STREAM, STREAM_EXISTS, 0n, 1n, 5n];
const DELETED = 'stream-deleted';

const STATES = [
  {
    state: 'that does not exist',
    prepare: async () => {},
    outcomes: [
      'written up to 0',
      'written up to 0',
      'expected stream_exists, is at no_stream',
      'expected 0, is at no_stream',
      'expected 1, is at no_stream',
      'expected 5, is at no_stream',
    ],
  },
  {
    state: 'that has metadata and no events',
    prepare: (stream: string) => store.client.setStreamMetadata(stream, { maxCount: 10 }),
    outcomes: [
      'written up to 0',
      'written up to 0',
      'written up to 0',
      'expected 0, is at no_stream',
      'expected 1, is at no_stream',
      'expected 5, is at no_stream',
    ],
  },
  {
    state: 'that has two events',
    prepare: (stream: string) => store.client.appendToStream(stream, numbers(0, 1)),
    outcomes: [
      'written up to 2',
      'expected no_stream, is at 1',
      'written up to 2',
      'expected 0, is at 1',
      'written up to 2',
      'expected 5, is at 1',
    ],
  },
  {
    state: 'that had two events and was deleted',
    prepare: async (stream: string) => {
      await store.client.appendToStream(stream, numbers(0, 1));
      await store.client.deleteStream(stream);
    },
    outcomes: ['written up to 2', 'written up to 2', DELETED, 'expected 0, is at 1', 'written up to 2', 'expected 5, is at 1'],
  },
  {
    state: 'that had two events and was tombstoned',
    prepare: async (stream: string) => {
      await store.client.appendToStream(stream, numbers(0, 1));
      await store.client.tombstoneStream(stream);
    },
    outcomes: EXPECTATIONS.map(() => DELETED),
  },
  {
    state: 'that was tombstoned without an event',
    prepare: (stream: string) => store.client.tombstoneStream(stream),
    outcomes: EXPECTATIONS.map(() => DELETED),
  },
];

describe.each(APPEND_CALLS)('$call', ({ options }) => {
  test.each(STATES)('to a stream $state', async ({ prepare, outcomes }) => {
    const appendTo = async (expectedRevision: AppendExpectedRevision): Promise<string> => {
      const stream = newStream();
      await prepare(stream);
      return outcomeOf(store.client.appendToStream(stream, numbered(2), { ...options, expectedRevision }));
    };
    expect(await Promise.all(EXPECTATIONS.map(appendTo))).toEqual(outcomes);
  });

  test('names what is wrong, and writes nothing', async () => {
    const { client } = store;
    const [stream, absent] = [newStream('with spaces, ☂'), newStream()];
    await client.appendToStream(stream, numbers(0, 1));
    const wrong = client.appendToStream(stream, numbered(9), { ...options, expectedRevision: NO_STREAM });
    await expect(wrong).rejects.toBeInstanceOf(WrongExpectedVersionError);
    await expect(wrong).rejects.toMatchObject({ streamName: stream, expectedVersion: NO_STREAM, actualVersion: 1n });
    const missing = client.appendToStream(absent, numbered(9), { ...options, expectedRevision: 7n });
    await expect(missing).rejects.toBeInstanceOf(WrongExpectedVersionError);
    await expect(missing).rejects.toMatchObject({ streamName: absent, expectedVersion: 7n, actualVersion: NO_STREAM });
    expect(await readNs(client, stream)).toEqual([0, 1]);
    await expect(readEvents(client, absent)).rejects.toBeInstanceOf(StreamNotFoundError);
  });

  test('names a stream that is closed for ever', async () => {
    const stream = newStream();
    await store.client.tombstoneStream(stream);
    const late = store.client.appendToStream(stream, numbered(0), options);
    await expect(late).rejects.toBeInstanceOf(StreamDeletedError);
    await expect(late).rejects.toMatchObject({ streamName: stream });
  });

  test('tells a conflict by its result where the client is not to throw', async () => {
    const patient = store.connect({ throwOnAppendFailure: 'false' });
    const stream = newStream();
    await patient.appendToStream(stream, numbers(0, 1), options);
    const refused = await patient.appendToStream(stream, numbered(2), { ...options, expectedRevision: NO_STREAM });
    expect(refused).toEqual({ success: false, nextExpectedRevision: 1n, position: undefined });
  });

  test.each([{ expectedRevision: NO_STREAM } as const, { expectedRevision: 0n }])(
    'lets exactly one of many through that compete at $expectedRevision',
    async ({ expectedRevision }) => {
      const stream = newStream();
      if (expectedRevision === 0n) await store.client.appendToStream(stream, numbered(-1));
      const settled = await Promise.allSettled(
        range(1, 20).map((n) => store.client.appendToStream(stream, numbered(n), { ...options, expectedRevision })),
      );
      const winners = settled.flatMap(({ status }, index) => (status === 'fulfilled' ? [index + 1] : []));
      expect(winners).toHaveLength(1);
      expect((await readNs(store.client, stream)).at(-1)).toBe(winners[0]);
    },
  );
});
