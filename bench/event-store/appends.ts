/** Appends, durable: one event each and ten, and how long one takes when the node is half busy. */
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventStoreDBClient } from '@eventstore/db-client';
import { type Figure, quantile, type Section } from '../figures.js';
import { anEvent, costOf, cpuNote, withNode } from './node-process.js';

const CONCURRENCY = 64;
const STREAMS = 1_000;
const EVENTS_PER_BATCH = 10;
const TICK_MS = 2;

export const appends: Section = async ({ quick, workFolder }) => {
  const seconds = quick ? 4 : 10;
  const turns = quick ? 1 : 3;
  const rounds: Record<string, number[]> = { single: [], batch: [], p50: [], p99: [] };
  let notes = { single: '', batch: '' };
  await withNode(workFolder, async ({ client }) => {
    await closedLoop(client, 1, 2);
    for (let turn = 0; turn < turns; turn++) {
      const single = await closedLoop(client, 1, seconds);
      const batch = await closedLoop(client, EVENTS_PER_BATCH, seconds);
      const delays = await openLoop(client, single.perSecond / 2, seconds);
      if (single.perSecond >= Math.max(0, ...(rounds.single as number[]))) notes = { ...notes, single: single.note };
      if (batch.perSecond >= Math.max(0, ...(rounds.batch as number[]))) notes = { ...notes, batch: batch.note };
      rounds.single?.push(single.perSecond);
      rounds.batch?.push(batch.perSecond);
      rounds.p50?.push(quantile(delays, 0.5));
      rounds.p99?.push(quantile(delays, 0.99));
      process.stderr.write('.');
    }
  });
  const best = (name: string, of: (...values: number[]) => number) => of(...(rounds[name] as number[]));
  const figures: Figure[] = [
    {
      figure: `appends of one event, ${CONCURRENCY} at once`,
      value: best('single', Math.max),
      unit: '/s',
      target: { atLeast: 9_000 },
      note: notes.single,
    },
    { figure: '  at half that rate, p50', value: best('p50', Math.min), unit: 'ms', digits: 1 },
    { figure: '  at half that rate, p99', value: best('p99', Math.min), unit: 'ms', digits: 1, target: { below: 10 } },
    {
      figure: `appends of ${EVENTS_PER_BATCH} events, ${CONCURRENCY} at once`,
      value: best('batch', Math.max),
      unit: 'events/s',
      target: { atLeast: 30_000 },
      note: notes.batch,
    },
  ];
  return { figures, rounds, errors: [] };
};

/** As many appends as the node takes, a constant number of them under way. Counts events. */
async function closedLoop(client: EventStoreDBClient, eventsPerAppend: number, seconds: number) {
  let events = 0;
  const cost = await costOf(async () => {
    const until = performance.now() + seconds * 1_000;
    const worker = async (first: number): Promise<void> => {
      for (let turn = first; performance.now() < until; turn += CONCURRENCY) {
        await client.appendToStream(`bench-${turn % STREAMS}`, batchOf(eventsPerAppend));
        events += eventsPerAppend;
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, (_, first) => worker(first)));
  });
  return { perSecond: events / cost.seconds, note: cpuNote(cost, events, 'event') };
}

/** Appends at a rate, whether or not the former ones were answered. Returns milliseconds from when each was due. */
async function openLoop(client: EventStoreDBClient, perSecond: number, seconds: number): Promise<number[]> {
  const startedAt = performance.now();
  const total = Math.floor(perSecond * seconds);
  const delays: number[] = [];
  const pending: Promise<unknown>[] = [];
  let failure: unknown;
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - startedAt) / 1_000) * perSecond));
    for (; sent < due; sent++) {
      const dueAt = startedAt + (sent / perSecond) * 1_000;
      const append = client.appendToStream(`bench-${sent % STREAMS}`, batchOf(1));
      pending.push(
        append.then(
          () => delays.push(performance.now() - dueAt),
          (error) => {
            failure ??= error;
          },
        ),
      );
    }
    await delay(TICK_MS);
  }
  await Promise.all(pending);
  if (failure) throw failure;
  return delays;
}

const batchOf = (size: number) => Array.from({ length: size }, () => anEvent());
