/** Reading `$all` and a stream, and catching up through a filter that passes half of the events. */
import { type EventStoreDBClient, eventTypeFilter, FORWARDS, START, streamNameFilter } from '@eventstore/db-client';
import type { Figure, Section } from '../figures.js';
import { anEvent, type Cost, costOf, cpuNote, withNode } from './node-process.js';

const EVENTS_PER_APPEND = 100;
const CONCURRENCY = 16;
/** Half of all events are in it. */
const LONG_STREAM = 'odd';

interface Reading {
  readonly events: number;
  readonly perSecond: number;
  readonly cost: Cost;
}

export const reads: Section = async ({ quick, workFolder }) => {
  const total = quick ? 100_000 : 500_000;
  const turns = quick ? 1 : 3;
  const rounds: Record<string, number[]> = {};
  const best: Record<string, Reading> = {};
  await withNode(workFolder, async ({ client }) => {
    await fill(client, total);
    const cells: Readonly<Record<string, () => Promise<Reading>>> = {
      all: () => read(client.readAll({ direction: FORWARDS, fromPosition: START })),
      stream: () => read(client.readStream(LONG_STREAM)),
      catchUp: () => catchUp(client, total / 2, streamNameFilter({ prefixes: ['even-'] })),
      catchUpByType: () => catchUp(client, total / 2, eventTypeFilter({ prefixes: ['CreditsReserved'] })),
    };
    await cells.all?.();
    for (let turn = 0; turn < turns; turn++) {
      for (const [name, cell] of Object.entries(cells)) {
        const reading = await cell();
        rounds[name] = [...(rounds[name] ?? []), reading.perSecond];
        if (!best[name] || reading.perSecond > best[name].perSecond) best[name] = reading;
        process.stderr.write('.');
      }
    }
  });
  const row = (name: string, figure: string, target?: number): Figure => {
    const { perSecond, events, cost } = best[name] as Reading;
    const aim = target === undefined ? {} : { target: { atLeast: target } };
    return { figure, value: perSecond, unit: 'events/s', note: cpuNote(cost, events, 'event'), ...aim };
  };
  const figures = [
    row('all', 'reading $all forwards', 60_000),
    row('stream', 'reading a stream forwards'),
    row('catchUp', 'catching up, streams with a prefix, one event in two', 40_000),
    row('catchUpByType', 'catching up, types with a prefix, one event in two', 40_000),
  ];
  return { figures, rounds, errors: [] };
};

async function fill(client: EventStoreDBClient, total: number): Promise<void> {
  let appended = 0;
  const worker = async (first: number): Promise<void> => {
    while (appended < total) {
      const turn = appended / EVENTS_PER_APPEND;
      appended += EVENTS_PER_APPEND;
      const isEven = turn % 2 === 0;
      const events = Array.from({ length: EVENTS_PER_APPEND }, () => anEvent(isEven ? 'CreditsReserved' : 'UsageSettled'));
      await client.appendToStream(isEven ? `even-${first}` : LONG_STREAM, events);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, (_, first) => worker(first)));
}

async function read(events: AsyncIterable<unknown>): Promise<Reading> {
  let count = 0;
  const cost = await costOf(async () => {
    for await (const _ of events) count++;
  });
  return { events: count, perSecond: count / cost.seconds, cost };
}

/** Counts what is delivered; what the filter holds back is not. */
async function catchUp(
  client: EventStoreDBClient,
  until: number,
  filter: ReturnType<typeof streamNameFilter> | ReturnType<typeof eventTypeFilter>,
): Promise<Reading> {
  let count = 0;
  const cost = await costOf(async () => {
    const subscription = client.subscribeToAll({ fromPosition: START, filter });
    for await (const _ of subscription) if (++count === until) break;
    await subscription.unsubscribe();
  });
  return { events: count, perSecond: count / cost.seconds, cost };
}
