/** An append that comes again, by the ids of its events: answered as the first time and not written twice, or refused. */
import { ANY, type AppendExpectedRevision, type EventData, NO_STREAM, STREAM_EXISTS } from '@eventstore/db-client';
import { describe, expect, test } from '@jest/globals';
import {
  APPEND_CALLS,
  eventStoreUnderTest,
  newStream,
  numbered,
  numbers,
  outcomeOf,
  range,
  readNs,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

describe.each(APPEND_CALLS)('$call', ({ options }) => {
  const append = (stream: string, events: EventData | EventData[], expectedRevision: AppendExpectedRevision = ANY) =>
    store.client.appendToStream(stream, events, { ...options, expectedRevision });

  test.each([{ expectedRevision: NO_STREAM }, { expectedRevision: ANY }] as const)(
    'repeated at $expectedRevision gets the first answer again, whatever was appended since',
    async ({ expectedRevision }) => {
      const stream = newStream();
      const events = numbers(0, 2);
      const first = await append(stream, events, expectedRevision);
      await append(stream, numbered(3));
      expect(await append(stream, events, expectedRevision)).toEqual(first);
      expect(await readNs(store.client, stream)).toEqual([0, 1, 2, 3]);
    },
  );

  test.each([{ expectedRevision: 0n }, { expectedRevision: STREAM_EXISTS }] as const)(
    'repeated at $expectedRevision behind other events gets the first answer again',
    async ({ expectedRevision }) => {
      const stream = newStream();
      await append(stream, numbered(0));
      const events = numbers(1, 3);
      const first = await append(stream, events, expectedRevision);
      expect(first.nextExpectedRevision).toBe(3n);
      await append(stream, numbered(4));
      expect(await append(stream, events, expectedRevision)).toEqual(first);
      expect(await readNs(store.client, stream)).toEqual([0, 1, 2, 3, 4]);
    },
  );

  test('is recognised across expectations where its place is the same', async () => {
    const stream = newStream();
    const events = numbers(0, 1);
    const first = await append(stream, events, NO_STREAM);
    for (const expectedRevision of [ANY, STREAM_EXISTS, NO_STREAM] as const) {
      expect(await append(stream, events, expectedRevision)).toEqual(first);
    }
    expect(await outcomeOf(append(stream, events, 0n))).toBe('expected 0, is at 1');
    expect(await outcomeOf(append(stream, events, 1n))).toBe('written up to 3');
    expect(await readNs(store.client, stream)).toEqual([0, 1, 0, 1]);
  });

  test('while the first is still in flight is written once', async () => {
    for (const expectedRevision of [NO_STREAM, ANY] as const) {
      const stream = newStream();
      const event = numbered(1);
      const results = await Promise.all(range(1, 10).map(() => append(stream, event, expectedRevision)));
      for (const result of results) expect(result).toEqual(results[0]);
      expect(await readNs(store.client, stream)).toEqual([1]);
    }
  });

  // Stored are a, b, c at 0, 1, 2. What is repeated is told by letters; x and y were never seen.
  test.each([
    { repeat: 'ab', any: 'written up to 1', none: 'written up to 1' },
    { repeat: 'bc', any: 'written up to 2', none: 'expected no_stream, is at 2' },
    { repeat: 'ba', any: 'written up to 0', none: 'expected no_stream, is at 2' },
    { repeat: 'ac', any: 'written up to 2', none: 'expected no_stream, is at 2' },
    { repeat: 'abcx', any: 'expected any, is at 2', none: 'expected no_stream, is at 2' },
    { repeat: 'axc', any: 'expected any, is at 2', none: 'expected no_stream, is at 2' },
    { repeat: 'xa', any: 'written up to 4', none: 'expected no_stream, is at 2' },
    { repeat: 'xy', any: 'written up to 4', none: 'expected no_stream, is at 2' },
  ])('of $repeat where abc is stored is, at any: $any; at no_stream: $none', async ({ repeat, any, none }) => {
    for (const [expectedRevision, expected] of [
      [ANY, any],
      [NO_STREAM, none],
    ] as const) {
      const stream = newStream();
      const events = new Map([...'abcxy'].map((letter, n) => [letter, numbered(n)]));
      const named = (letters: string): EventData[] => [...letters].map((letter) => events.get(letter) as EventData);
      await append(stream, named('abc'));
      expect(await outcomeOf(append(stream, named(repeat), expectedRevision))).toBe(expected);
      const isNew = expected === 'written up to 4';
      expect(await readNs(store.client, stream)).toEqual(isNew ? [0, 1, 2, ...named(repeat).map(nOfData)] : [0, 1, 2]);
    }
  });

  test('of a part, at its exact place, gets the place of its last event', async () => {
    const stream = newStream();
    const events = numbers(0, 4);
    for (const event of events) await append(stream, event);
    expect(await outcomeOf(append(stream, events.slice(2, 4), 1n))).toBe('written up to 3');
    expect(await outcomeOf(append(stream, events.slice(2), 1n))).toBe('written up to 4');
    expect(await outcomeOf(append(stream, [...events.slice(2), numbered(5)], 1n))).toBe('expected 1, is at 4');
    expect(await outcomeOf(append(stream, [events[2] as EventData, numbered(5)], 1n))).toBe('expected 1, is at 4');
    expect(await readNs(store.client, stream)).toEqual([0, 1, 2, 3, 4]);
  });

  test('in another stream is another append', async () => {
    const event = numbered(1);
    for (const expectedRevision of [ANY, NO_STREAM] as const) {
      const [one, other] = [newStream(), newStream()];
      await append(one, event, expectedRevision);
      await append(other, event, expectedRevision);
      expect([await readNs(store.client, one), await readNs(store.client, other)]).toEqual([[1], [1]]);
    }
  });

  test('is recognised by its ids alone, not by what the events say', async () => {
    const stream = newStream();
    const event = numbered(1);
    const first = await append(stream, event);
    expect(await append(stream, { ...numbered(2, 'Other'), id: event.id })).toEqual(first);
    expect(await readNs(store.client, stream)).toEqual([1]);
  });

  test('is recognised when it comes the other way', async () => {
    const stream = newStream();
    const events = numbers(0, 1);
    const first = await append(stream, events, NO_STREAM);
    for (const other of APPEND_CALLS) {
      const again = store.client.appendToStream(stream, events, { ...other.options, expectedRevision: NO_STREAM });
      expect(await again).toEqual(first);
    }
  });

  test('is recognised at any revision though the metadata hide what it has stored', async () => {
    const stream = newStream();
    await store.client.setStreamMetadata(stream, { maxCount: 1 });
    const events = numbers(0, 1);
    const first = await append(stream, events, NO_STREAM);
    expect(await append(stream, events, NO_STREAM)).toEqual(first);
    for (const n of [2, 3]) await append(stream, numbered(n));
    expect(await outcomeOf(append(stream, events))).toBe('written up to 1');
    expect(await readNs(store.client, stream)).toEqual([3]);
  });

  test('does not bring a deleted stream back', async () => {
    const stream = newStream();
    const events = numbers(0, 1);
    await append(stream, events);
    await store.client.deleteStream(stream);
    expect(await outcomeOf(append(stream, events))).toBe('written up to 1');
    await expect(readNs(store.client, stream)).rejects.toMatchObject({ type: 'stream-not-found' });
  });
});

const nOfData = ({ data }: EventData): number => (data as { n: number }).n;
