/**
 * What the code relies on in an event store, asked through the client's public API alone. It runs against a node of our own,
 * and unchanged against EventStoreDB when EVENTSTORE_URL names one.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  type AllStreamRecordedEvent,
  type AllStreamResolvedEvent,
  type AllStreamSubscription,
  ANY,
  BACKWARDS,
  binaryEvent,
  END,
  EventStoreDBClient,
  eventTypeFilter,
  jsonEvent,
  MaxAppendSizeExceededError,
  NO_STREAM,
  type Position,
  type RecordedEvent,
  START,
  STREAM_EXISTS,
  StreamNotFoundError,
  type StreamSubscription,
  streamNameFilter,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTemporaryNode, type TemporaryNode } from '../support/event-store-node.js';

let node: TemporaryNode | undefined;
let client: EventStoreDBClient;
let connectionString: string;

beforeAll(async () => {
  if (!process.env.EVENTSTORE_URL) node = await startTemporaryNode();
  connectionString = process.env.EVENTSTORE_URL ?? (node as TemporaryNode).connectionString;
  client = EventStoreDBClient.connectionString(connectionString);
});

afterAll(async () => {
  await client.dispose();
  await node?.dispose();
});

const newStream = (category = 'test'): string => `${category}-${randomUUID()}`;
const numbered = (n: number, type = 'Numbered') => jsonEvent({ type, data: { n } });
const numbers = (from: number, to: number, type?: string) =>
  Array.from({ length: to - from + 1 }, (_, index) => numbered(from + index, type));

async function collect<Item>(events: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const event of events) collected.push(event);
  return collected;
}

async function read(stream: string, options = {}): Promise<RecordedEvent[]> {
  return (await collect(client.readStream(stream, options))).map(({ event }) => event as RecordedEvent);
}

const nOf = (event: { data: unknown } | undefined): number => (event as { data: { n: number } }).data.n;
const positionAfter = async (stream: string): Promise<Position> => {
  const { position } = await client.appendToStream(stream, numbered(-1));
  return position as Position;
};

/** The next `count` events of a subscription, which is left paused. The system events of a real server are passed over. */
async function take<Subscription extends StreamSubscription | AllStreamSubscription>(
  subscription: Subscription,
  count: number,
): Promise<AllStreamResolvedEvent[]> {
  const events: AllStreamResolvedEvent[] = [];
  while (events.length < count) {
    const event = subscription.read() as AllStreamResolvedEvent | null;
    if (!event) await once(subscription, 'readable');
    else if (!event.event?.streamId.startsWith('$')) events.push(event);
  }
  return events;
}

describe('an append', () => {
  test('returns the revision and the position of its last event', async () => {
    const stream = newStream();
    const first = await client.appendToStream(stream, numbers(0, 2));
    const second = await client.appendToStream(stream, numbers(3, 3));
    expect([first.nextExpectedRevision, second.nextExpectedRevision]).toEqual([2n, 3n]);
    expect((second.position as Position).commit).toBeGreaterThan((first.position as Position).commit);
    const events = await read(stream);
    expect(events.map(({ position }) => position)).toEqual(expect.arrayContaining([first.position, second.position]));
  });

  test('keeps JSON, bytes and custom metadata as they were given', async () => {
    const stream = newStream();
    const json = jsonEvent({ type: 'Grüße', data: { text: 'żółć', nested: [1, { a: null }] }, metadata: { why: '✓' } });
    const bytes = binaryEvent({ type: 'bytes', data: Uint8Array.from([0, 1, 255]), metadata: Uint8Array.from([254, 0]) });
    const before = Date.now();
    await client.appendToStream(stream, [json, bytes]);
    const [first, second] = await read(stream);
    expect(first).toMatchObject({ id: json.id, type: 'Grüße', data: json.data, metadata: json.metadata, isJson: true });
    expect(first).toMatchObject({ streamId: stream, revision: 0n });
    expect(Math.abs((first as RecordedEvent).created.getTime() - before)).toBeLessThan(60_000);
    expect(second).toMatchObject({ id: bytes.id, type: 'bytes', isJson: false, revision: 1n });
    const { data, metadata } = second as { data: unknown; metadata: unknown };
    expect([...(data as Uint8Array)]).toEqual([0, 1, 255]);
    expect([...(metadata as Uint8Array)]).toEqual([254, 0]);
  });

  test.each(['a/b/c', 'Zürich 日本 🙂', `${'x'.repeat(900)}`, 'with "quotes" & %20'])(
    'takes the stream name %s',
    async (name) => {
      const stream = newStream(name);
      await client.appendToStream(stream, numbered(1), { expectedRevision: NO_STREAM });
      expect((await read(stream)).map(({ streamId, data }) => ({ streamId, data }))).toEqual([
        { streamId: stream, data: { n: 1 } },
      ]);
    },
  );

  test('keeps the order of many in flight in one stream and in many', async () => {
    const streams = Array.from({ length: 20 }, () => newStream());
    const appends = Array.from({ length: 50 }, (_, n) => streams.map((stream) => client.appendToStream(stream, numbered(n))));
    const results = await Promise.all(appends.flat());
    const positions = results.map(({ position }) => (position as Position).commit);
    expect(new Set(positions).size).toBe(1000);
    for (const stream of streams) {
      const events = await read(stream);
      expect(events.map(nOf)).toEqual(Array.from({ length: 50 }, (_, n) => n));
      expect(events.map(({ revision }) => revision)).toEqual(Array.from({ length: 50 }, (_, n) => BigInt(n)));
    }
  });

  test('of several messages on the wire is one append', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbers(0, 99), { batchAppendSize: 500, expectedRevision: NO_STREAM });
    expect((await read(stream)).map(nOf)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  test('is refused whole when it exceeds the maximum size', async () => {
    const stream = newStream();
    const large = Array.from({ length: 3 }, () => jsonEvent({ type: 'Large', data: { text: 'x'.repeat(400_000) } }));
    const append = client.appendToStream(stream, large);
    await expect(append).rejects.toBeInstanceOf(MaxAppendSizeExceededError);
    await expect(append).rejects.toMatchObject({ maxAppendSize: 1024 * 1024 });
    await expect(read(stream)).rejects.toBeInstanceOf(StreamNotFoundError);
    expect((await client.appendToStream(stream, large.slice(0, 2))).nextExpectedRevision).toBe(1n);
  });
});

describe('an expected revision', () => {
  test.each([
    { expectedRevision: NO_STREAM, current: 1n } as const,
    { expectedRevision: 0n, current: 1n },
    { expectedRevision: 2n, current: 1n },
  ])('of $expectedRevision is wrong for a stream at 1', async ({ expectedRevision, current }) => {
    const stream = newStream();
    await client.appendToStream(stream, numbers(0, 1));
    const append = client.appendToStream(stream, numbered(9), { expectedRevision });
    await expect(append).rejects.toBeInstanceOf(WrongExpectedVersionError);
    await expect(append).rejects.toMatchObject({ streamName: stream, expectedVersion: expectedRevision, actualVersion: current });
    expect(await read(stream)).toHaveLength(2);
  });

  test.each([{ expectedRevision: STREAM_EXISTS } as const, { expectedRevision: 0n }])(
    'of $expectedRevision is wrong for a stream that does not exist',
    async ({ expectedRevision }) => {
      const append = client.appendToStream(newStream(), numbered(9), { expectedRevision });
      await expect(append).rejects.toBeInstanceOf(WrongExpectedVersionError);
      await expect(append).rejects.toMatchObject({ expectedVersion: expectedRevision, actualVersion: NO_STREAM });
    },
  );

  test('that is met lets the append through', async () => {
    const stream = newStream();
    for (const expectedRevision of [NO_STREAM, 0n, STREAM_EXISTS, ANY, 3n] as const) {
      await client.appendToStream(stream, numbered(0), { expectedRevision });
    }
    expect(await read(stream)).toHaveLength(5);
  });

  test('lets exactly one of many competing appends through', async () => {
    const stream = newStream();
    const appends = Array.from({ length: 20 }, (_, n) =>
      client.appendToStream(stream, numbered(n), { expectedRevision: NO_STREAM }),
    );
    const outcomes = await Promise.allSettled(appends);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await read(stream)).toHaveLength(1);
  });
});

describe('an append repeated with the same event ids', () => {
  test.each([{ expectedRevision: NO_STREAM } as const, { expectedRevision: ANY } as const])(
    'at $expectedRevision gets the first answer again and writes nothing',
    async (options) => {
      const stream = newStream();
      const events = numbers(0, 2);
      const first = await client.appendToStream(stream, events, options);
      await client.appendToStream(stream, numbered(3));
      expect(await client.appendToStream(stream, events, options)).toEqual(first);
      expect((await read(stream)).map(nOf)).toEqual([0, 1, 2, 3]);
    },
  );

  test('at an exact revision gets the first answer again, also for a part of what followed', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbered(0));
    const events = numbers(1, 3);
    const first = await client.appendToStream(stream, events, { expectedRevision: 0n });
    expect(await client.appendToStream(stream, events, { expectedRevision: 0n })).toEqual(first);
    const part = await client.appendToStream(stream, events.slice(0, 2), { expectedRevision: 0n });
    expect(part.nextExpectedRevision).toBe(2n);
    expect(await read(stream)).toHaveLength(4);
  });

  test('while the first is still in flight is written once', async () => {
    const stream = newStream();
    const event = numbered(1);
    const results = await Promise.all(
      Array.from({ length: 10 }, () => client.appendToStream(stream, event, { expectedRevision: NO_STREAM })),
    );
    for (const result of results) expect(result).toEqual(results[0]);
    expect(await read(stream)).toHaveLength(1);
  });

  test('is wrong when it goes beyond what was stored, or comes at another revision', async () => {
    const stream = newStream();
    const events = numbers(0, 2);
    await client.appendToStream(stream, events, { expectedRevision: NO_STREAM });
    const beyond = client.appendToStream(stream, [...events, numbered(3)], { expectedRevision: NO_STREAM });
    await expect(beyond).rejects.toBeInstanceOf(WrongExpectedVersionError);
    const elsewhere = client.appendToStream(stream, events.slice(0, 1), { expectedRevision: 0n });
    await expect(elsewhere).rejects.toBeInstanceOf(WrongExpectedVersionError);
    expect(await read(stream)).toHaveLength(3);
  });

  test('in another stream is another append', async () => {
    const event = numbered(1);
    for (const stream of [newStream(), newStream()]) {
      await client.appendToStream(stream, event);
      expect(await read(stream)).toHaveLength(1);
    }
  });
});

describe('a read of a stream', () => {
  const stream = newStream('read');
  beforeAll(async () => {
    await client.appendToStream(stream, numbers(0, 4));
    for (const n of [5, 6]) await client.appendToStream(stream, numbered(n));
    await client.appendToStream(stream, numbers(7, 9));
  });

  test.each([
    { options: {}, expected: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] },
    { options: { maxCount: 3 }, expected: [0, 1, 2] },
    { options: { fromRevision: 3n, maxCount: 4 }, expected: [3, 4, 5, 6] },
    { options: { fromRevision: 9n }, expected: [9] },
    { options: { fromRevision: 10n }, expected: [] },
    { options: { fromRevision: END }, expected: [] },
    { options: { direction: BACKWARDS, fromRevision: END }, expected: [9, 8, 7, 6, 5, 4, 3, 2, 1, 0] },
    { options: { direction: BACKWARDS, fromRevision: END, maxCount: 1 }, expected: [9] },
    { options: { direction: BACKWARDS, fromRevision: 5n, maxCount: 3 }, expected: [5, 4, 3] },
    { options: { direction: BACKWARDS, fromRevision: 2n }, expected: [2, 1, 0] },
    { options: { direction: BACKWARDS, fromRevision: START }, expected: [0] },
  ])('with $options yields $expected', async ({ options, expected }) => {
    expect((await read(stream, options)).map(nOf)).toEqual(expected);
  });

  test('that does not exist says so, in both directions', async () => {
    const missing = newStream();
    await expect(read(missing)).rejects.toMatchObject({ type: 'stream-not-found', streamName: missing });
    await expect(read(missing, { direction: BACKWARDS, fromRevision: END })).rejects.toBeInstanceOf(StreamNotFoundError);
  });

  test('of thousands of events yields each once', async () => {
    const long = newStream();
    for (let n = 0; n < 5000; n += 500) await client.appendToStream(long, numbers(n, n + 499));
    const everyone = Array.from({ length: 5000 }, (_, n) => n);
    expect((await read(long)).map(nOf)).toEqual(everyone);
    expect((await read(long, { direction: BACKWARDS, fromRevision: END })).map(nOf)).toEqual(everyone.reverse());
  });
});

describe('a read of $all', () => {
  const stream = newStream('all');
  let positions: Position[];
  beforeAll(async () => {
    await client.appendToStream(stream, numbers(0, 2));
    await client.appendToStream(newStream(), numbers(100, 101));
    await client.appendToStream(stream, numbered(3));
    positions = (await read(stream)).map((event) => (event as AllStreamRecordedEvent).position);
  });
  const own = (events: AllStreamResolvedEvent[]): number[] =>
    events.filter(({ event }) => event?.streamId === stream).map(({ event }) => nOf(event));

  test('from a position begins with the event there', async () => {
    const events = await collect(client.readAll({ fromPosition: positions[1] as Position, maxCount: 5 }));
    expect(own(events)).toEqual([1, 2, 3]);
    expect(events[0]?.event?.position).toEqual(positions[1]);
    expect(events[0]?.commitPosition).toBe(positions[1]?.commit);
    const commits = events.map(({ event }) => event?.position.commit as bigint);
    expect(commits).toEqual([...commits].sort((a, b) => (a < b ? -1 : 1)));
  });

  test('backwards from a position begins with the event before it', async () => {
    const before = await collect(client.readAll({ fromPosition: positions[2] as Position, direction: BACKWARDS, maxCount: 2 }));
    expect(own(before)).toEqual([1, 0]);
    const last = await collect(client.readAll({ fromPosition: END, direction: BACKWARDS, maxCount: 1000 }));
    expect(own(last)).toEqual([3, 2, 1, 0]);
  });

  test('from the end is empty, and from the start has a first event', async () => {
    expect(own(await collect(client.readAll({ fromPosition: END })))).toEqual([]);
    expect(await collect(client.readAll({ fromPosition: START, maxCount: 1 }))).toHaveLength(1);
  });
});

describe('a subscription to a stream', () => {
  test('catches up and goes on live, without a gap or a repetition at the seam', async () => {
    const stream = newStream();
    await client.appendToStream(stream, numbers(0, 299));
    const subscription = client.subscribeToStream(stream, { fromRevision: START });
    const appending = (async () => {
      for (let n = 300; n < 600; n++) await client.appendToStream(stream, numbered(n));
    })();
    const events = await take(subscription, 600);
    expect(events.map(({ event }) => nOf(event))).toEqual(Array.from({ length: 600 }, (_, n) => n));
    await appending;
    await subscription.unsubscribe();
  });

  test('begins after the revision it names, or after the end, and may wait for a stream to come', async () => {
    const stream = newStream();
    const early = client.subscribeToStream(stream);
    await once(early, 'confirmation');
    await client.appendToStream(stream, numbers(0, 4));
    const after = client.subscribeToStream(stream, { fromRevision: 2n });
    const live = client.subscribeToStream(stream, { fromRevision: END });
    await once(live, 'confirmation');
    await client.appendToStream(stream, numbered(5));
    expect((await take(early, 6)).map(({ event }) => nOf(event))).toEqual([0, 1, 2, 3, 4, 5]);
    expect((await take(after, 3)).map(({ event }) => nOf(event))).toEqual([3, 4, 5]);
    expect((await take(live, 1)).map(({ event }) => nOf(event))).toEqual([5]);
    await Promise.all([early, after, live].map((subscription) => subscription.unsubscribe()));
  });

  test('whose reader pauses gets everything once it goes on, also what came last and while it paused', async () => {
    const stream = newStream();
    const text = 'x'.repeat(10_000);
    const appendWide = async (batch: number): Promise<void> => {
      const events = Array.from({ length: 90 }, (_, index) => jsonEvent({ type: 'Wide', data: { n: batch * 90 + index, text } }));
      await client.appendToStream(stream, events);
    };
    await appendWide(0);
    const subscription = client.subscribeToStream(stream);
    const first = await take(subscription, 1);
    await appendWide(1);
    const second = await take(subscription, 179);
    for (let batch = 2; batch < 20; batch++) await appendWide(batch);
    const events = [...first, ...second, ...(await take(subscription, 1620))];
    expect(events.map(({ event }) => nOf(event))).toEqual(Array.from({ length: 1800 }, (_, n) => n));
    await subscription.unsubscribe();
  });
});

describe('a subscription to $all', () => {
  test('begins after the position it names and says when it has caught up', async () => {
    const stream = newStream();
    const fromPosition = await positionAfter(newStream());
    await client.appendToStream(stream, numbers(0, 1));
    const subscription = client.subscribeToAll({ fromPosition });
    const caughtUp = once(subscription, 'caughtUp');
    const events = await take(subscription, 2);
    expect(events.map(({ event }) => [event?.streamId, nOf(event)])).toEqual([
      [stream, 0],
      [stream, 1],
    ]);
    expect(events[0]?.commitPosition).toBe(events[0]?.event?.position.commit);
    subscription.resume();
    await caughtUp;
    await subscription.unsubscribe();
  });

  test('from the end sees only what comes after its confirmation', async () => {
    const stream = newStream();
    const subscription = client.subscribeToAll({ fromPosition: END });
    await once(subscription, 'confirmation');
    await client.appendToStream(stream, numbered(7));
    const [resolved] = await take(subscription, 1);
    expect([resolved?.event?.streamId, nOf(resolved?.event)]).toEqual([stream, 7]);
    await subscription.unsubscribe();
  });

  const category = `cat${randomUUID().replaceAll('-', '')}`;
  test.each([
    { name: 'stream prefix', filter: streamNameFilter({ prefixes: [`${category}A`, `${category}B-`] }), expected: [0, 2, 4, 6] },
    { name: 'stream regex', filter: streamNameFilter({ regex: `^${category}[AC]-` }), expected: [0, 1, 4, 5] },
    { name: 'type prefix', filter: eventTypeFilter({ prefixes: [`${category}Tä`] }), expected: [4, 5, 6, 7] },
    { name: 'type regex', filter: eventTypeFilter({ regex: `^${category}T.$` }), expected: [0, 1, 2, 3, 4, 5, 6, 7] },
  ])('filtered by $name yields what matches, stored and live', async ({ filter, expected }) => {
    const fromPosition = await positionAfter(newStream());
    const streams = ['A', 'C', 'B', 'D'].map((letter) => newStream(`${category}${letter}`));
    const appendAll = async (from: number, type: string): Promise<void> => {
      for (const [index, stream] of streams.entries()) await client.appendToStream(stream, numbered(from + index, type));
    };
    await appendAll(0, `${category}To`);
    const subscription = client.subscribeToAll({ fromPosition, filter });
    await once(subscription, 'confirmation');
    await appendAll(4, `${category}Tä`);
    expect((await take(subscription, expected.length)).map(({ event }) => nOf(event))).toEqual(expected);
    await subscription.unsubscribe();
  });

  test('filtered reports checkpoints at the interval asked for, and one of them is a place to go on from', async () => {
    const fromPosition = await positionAfter(newStream());
    const type = `Wanted${randomUUID()}`;
    await client.appendToStream(newStream(), numbers(0, 99, 'Unwanted'));
    const checkpoints: Position[] = [];
    const checkpointReached = async (_: unknown, position: Position): Promise<void> => {
      checkpoints.push(position);
    };
    const filter = eventTypeFilter({ prefixes: [type], maxSearchWindow: 10, checkpointInterval: 2, checkpointReached });
    const subscription = client.subscribeToAll({ fromPosition, filter });
    await client.appendToStream(newStream(), numbered(1, type));
    expect((await take(subscription, 1)).map(({ event }) => nOf(event))).toEqual([1]);
    await subscription.unsubscribe();
    expect(checkpoints.length).toBeGreaterThanOrEqual(4);
    const resumed = client.subscribeToAll({
      fromPosition: checkpoints.at(3) as Position,
      filter: eventTypeFilter({ prefixes: [type] }),
    });
    expect((await take(resumed, 1)).map(({ event }) => nOf(event))).toEqual([1]);
    await resumed.unsubscribe();
  });
});

describe('a stream with $maxCount', () => {
  const limited = async (maxCount: number): Promise<string> => {
    const stream = newStream('limited');
    await client.setStreamMetadata(stream, { maxCount });
    return stream;
  };
  const ns = async (stream: string, options = {}) => (await read(stream, options)).map(nOf);

  test('shows its newest events only, in both directions and under their own revisions', async () => {
    const stream = await limited(3);
    for (let n = 0; n < 10; n++)
      await client.appendToStream(stream, numbered(n), { expectedRevision: n ? BigInt(n - 1) : NO_STREAM });
    expect((await read(stream)).map(({ revision }) => revision)).toEqual([7n, 8n, 9n]);
    expect(await ns(stream, { fromRevision: 2n })).toEqual([7, 8, 9]);
    expect(await ns(stream, { fromRevision: 8n })).toEqual([8, 9]);
    expect(await ns(stream, { direction: BACKWARDS, fromRevision: END })).toEqual([9, 8, 7]);
    expect(await ns(stream, { direction: BACKWARDS, fromRevision: 8n })).toEqual([8, 7]);
    expect(await ns(stream, { direction: BACKWARDS, fromRevision: 6n })).toEqual([]);
    expect((await client.getStreamMetadata(stream)).metadata).toEqual({ maxCount: 3 });
  });

  test('cuts through the events of one append', async () => {
    const stream = await limited(2);
    await client.appendToStream(stream, numbers(0, 4));
    await client.appendToStream(stream, numbers(5, 5));
    expect(await ns(stream)).toEqual([4, 5]);
    expect(await ns(stream, { direction: BACKWARDS, fromRevision: END })).toEqual([5, 4]);
    await client.appendToStream(stream, numbers(6, 9));
    expect(await ns(stream)).toEqual([8, 9]);
  });

  test('that is given when there are more events already shows the newest of them', async () => {
    const stream = newStream('limited');
    for (let n = 0; n < 300; n++) await client.appendToStream(stream, numbered(n));
    await client.setStreamMetadata(stream, { maxCount: 1 });
    expect(await ns(stream)).toEqual([299]);
    for (let n = 300; n < 310; n++) await client.appendToStream(stream, numbered(n));
    expect(await ns(stream)).toEqual([309]);
    await client.setStreamMetadata(stream, {});
    await client.appendToStream(stream, numbers(310, 311));
    expect((await ns(stream)).slice(-2)).toEqual([310, 311]);
  });

  test('that is no number above zero is none', async () => {
    const stream = newStream('limited');
    await client.appendToStream(`$$${stream}`, jsonEvent({ type: '$metadata', data: { $maxCount: 0 } }));
    await client.appendToStream(stream, numbers(0, 4));
    expect(await ns(stream)).toEqual([0, 1, 2, 3, 4]);
  });

  test('takes an append again that it has stored, and refuses one that was superseded', async () => {
    const stream = await limited(1);
    const events = numbers(0, 1);
    const first = await client.appendToStream(stream, events, { expectedRevision: NO_STREAM });
    expect(await client.appendToStream(stream, events, { expectedRevision: NO_STREAM })).toEqual(first);
    for (const n of [2, 3]) await client.appendToStream(stream, numbered(n));
    const again = client.appendToStream(stream, numbered(0), { expectedRevision: NO_STREAM });
    await expect(again).rejects.toMatchObject({ actualVersion: 3n });
  });

  test('is not there before its first event', async () => {
    const stream = await limited(1);
    await expect(read(stream)).rejects.toBeInstanceOf(StreamNotFoundError);
    // What has metadata exists, as EventStoreDB sees it.
    const exists = await client.appendToStream(stream, numbered(0), { expectedRevision: STREAM_EXISTS });
    expect(exists.nextExpectedRevision).toBe(0n);
  });

  test('leaves gaps in $all at most: reads and subscriptions get what is left, in order', async () => {
    const fromPosition = await positionAfter(newStream());
    const stream = await limited(1);
    const other = newStream();
    for (let n = 0; n < 50; n++) {
      await client.appendToStream(stream, numbered(n));
      if (n % 10 === 0) await client.appendToStream(other, numbered(n));
    }
    const filter = streamNameFilter({ prefixes: [stream, other] });
    const subscription = client.subscribeToAll({ fromPosition, filter });
    const seen: [string, number][] = [];
    while (seen.at(-1)?.[1] !== 49) {
      const [resolved] = await take(subscription, 1);
      seen.push([resolved?.event?.streamId as string, nOf(resolved?.event)]);
    }
    await subscription.unsubscribe();
    expect(seen.filter(([name]) => name === other).map(([, n]) => n)).toEqual([0, 10, 20, 30, 40]);
    const forwards = await collect(client.readAll({ fromPosition }));
    const backwards = await collect(client.readAll({ fromPosition: END, direction: BACKWARDS, maxCount: forwards.length }));
    const positions = forwards.map(({ event }) => event?.position.commit as bigint);
    expect(positions).toEqual([...positions].sort((a, b) => (a < b ? -1 : 1)));
    const last = backwards.slice(0, 3).map(({ event }) => event?.position.commit);
    expect(last).toEqual(positions.slice(-3).reverse());
  });
});

describe('a client', () => {
  test('finds the node by gossip', async () => {
    const discovering = EventStoreDBClient.connectionString(connectionString.replace(/^esdb:/, 'esdb+discover:'));
    const stream = newStream();
    await discovering.appendToStream(stream, numbered(1));
    expect(await read(stream)).toHaveLength(1);
    await discovering.dispose();
  });

  test('that appends with credentials takes the single append, with the same rules', async () => {
    const stream = newStream();
    const credentials = { username: 'admin', password: 'changeit' };
    const events = [jsonEvent({ type: 'One', data: { n: 1 }, metadata: { m: 1 } }), numbered(2)];
    const first = await client.appendToStream(stream, events, { credentials, expectedRevision: NO_STREAM });
    expect(first.nextExpectedRevision).toBe(1n);
    expect(await client.appendToStream(stream, events, { credentials, expectedRevision: NO_STREAM })).toEqual(first);
    const wrong = client.appendToStream(stream, numbered(3), { credentials, expectedRevision: NO_STREAM });
    await expect(wrong).rejects.toBeInstanceOf(WrongExpectedVersionError);
    await expect(wrong).rejects.toMatchObject({ actualVersion: 1n, expectedVersion: NO_STREAM });
    const missing = client.appendToStream(newStream(), numbered(3), { credentials, expectedRevision: STREAM_EXISTS });
    await expect(missing).rejects.toMatchObject({ actualVersion: NO_STREAM, expectedVersion: STREAM_EXISTS });
    const large = jsonEvent({ type: 'Large', data: { text: 'x'.repeat(1_100_000) } });
    await expect(client.appendToStream(stream, large, { credentials })).rejects.toMatchObject({ maxAppendSize: 1024 * 1024 });
    expect((await read(stream)).map(({ data, metadata }) => [data, metadata])).toEqual([
      [{ n: 1 }, { m: 1 }],
      [{ n: 2 }, undefined],
    ]);
  });
});
