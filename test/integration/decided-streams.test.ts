import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DecidedStreams } from '../../src/event-store/decided-streams.js';
import { GENESIS_HASH, hashEvent } from '../../src/event-store/envelope.js';
import { AppendOutcomeUnknown } from '../../src/event-store/errors.js';
import { EventStore, type StoredEvent } from '../../src/event-store/event-store.js';
import { accept, type Decider, reject } from '../../src/kernel/decider.js';
import { startTemporaryNode, type TemporaryNode } from '../support/event-store-node.js';

interface Counted {
  readonly type: 'Counted';
  readonly data: { readonly name: string; readonly total: number };
}
interface Count {
  readonly name: string;
  readonly by: number;
}

/** Counts up to ten; each name once. */
const counter: Decider<Count, ReadonlyMap<string, number>, Counted, { readonly reason: 'too_many' }> = {
  initialState: () => new Map(),
  decide({ name, by }, counted) {
    if (counted.has(name)) return accept();
    const total = [...counted.values()].reduce((sum, each) => sum + each, by);
    return total > 10 ? reject({ reason: 'too_many' }) : accept({ type: 'Counted', data: { name, total } });
  },
  evolve: (counted, { data }) => new Map(counted).set(data.name, data.total - [...counted.values()].reduce((a, b) => a + b, 0)),
};

const cause = { commandId: 'c', correlationId: 'c', actor: { type: 'system', id: 'test' } } as const;
let node: TemporaryNode;
let store: EventStore;
let now = Date.UTC(2026, 2, 1);
const clock = { now: () => now };

beforeAll(async () => {
  node = await startTemporaryNode();
  store = new EventStore(node.connectionString);
});
afterAll(async () => {
  await store?.close();
  await node?.dispose();
});

const eventsOf = async (stream: string): Promise<StoredEvent[]> => {
  const events: StoredEvent[] = [];
  for await (const event of store.read(stream)) events.push(event);
  return events;
};

describe('a stream that decides for itself', () => {
  test('takes a command once, and says no without writing', async () => {
    const streams = new DecidedStreams(store, clock);
    const first = await streams.execute(counter, 'count-1', { name: 'a', by: 7 }, cause);
    expect(first).toMatchObject({ events: [{ type: 'Counted', data: { name: 'a', total: 7 } }], rejection: undefined });
    const again = await streams.execute(counter, 'count-1', { name: 'a', by: 7 }, cause);
    expect([again.events, again.position, again.state.get('a')]).toEqual([[], first.position, 7]);
    const refused = await streams.execute(counter, 'count-1', { name: 'b', by: 4 }, cause);
    expect([refused.rejection, refused.events, refused.position]).toEqual([{ reason: 'too_many' }, [], first.position]);
    expect(await eventsOf('count-1')).toHaveLength(1);
  });

  test('decides races again: all that fits is taken, no more, each linked to the one before it', async () => {
    const streams = Array.from({ length: 6 }, () => new DecidedStreams(store, clock));
    const outcomes = await Promise.all(
      streams.map((each, n) => each.execute(counter, 'count-2', { name: `n${n}`, by: 3 }, cause)),
    );
    expect(outcomes.filter(({ rejection }) => rejection === undefined)).toHaveLength(3);
    let previousHash = GENESIS_HASH;
    for (const { stream, revision, type, data, metadata } of await eventsOf('count-2')) {
      const { hash, ...envelope } = metadata;
      expect([envelope.previousHash, hash]).toEqual([
        previousHash,
        hashEvent({ stream, revision, type, data: data as object }, envelope),
      ]);
      previousHash = hash;
    }
  });

  test('never goes back in time, whatever the clock says', async () => {
    const streams = new DecidedStreams(store, clock);
    await streams.execute(counter, 'count-3', { name: 'a', by: 1 }, cause);
    now -= 60_000;
    await streams.execute(counter, 'count-3', { name: 'b', by: 1 }, cause);
    const [first, second] = await eventsOf('count-3');
    expect(second?.metadata.occurredAt).toBe(first?.metadata.occurredAt);
  });

  test.each([true, false])('an append of which nobody knows has one effect; it had landed: %s', async (hadLanded) => {
    let failures = 1;
    const doubtful = {
      read: store.read.bind(store),
      append: async (...asked: Parameters<EventStore['append']>) => {
        const appended = hadLanded || failures === 0 ? await store.append(...asked) : undefined;
        if (failures-- > 0 || !appended) throw new AppendOutcomeUnknown(asked[0], new Error('no answer'));
        return appended;
      },
    };
    const stream = `count-4-${hadLanded}`;
    const { events, state, position } = await new DecidedStreams(doubtful, clock).execute(
      counter,
      stream,
      { name: 'a', by: 2 },
      cause,
    );
    const stored = await eventsOf(stream);
    expect([events.length, state.get('a'), stored.length, stored[0]?.position]).toEqual([1, 2, 1, position]);
  });
});

test('the head of what begins with a prefix is the position of its last event', async () => {
  const last = (await eventsOf('count-2')).at(-1)?.position;
  expect(await store.headPosition(['count-2'])).toBe(last);
  expect(await store.headPosition(['nothing-'])).toBe(-1n);
});
