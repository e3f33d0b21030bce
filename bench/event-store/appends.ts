/** Appends, durable: one event each and ten, and how long one takes when the node is half busy. */
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventStoreDBClient, JSONEventData } from '@eventstore/db-client';
import { type Figure, quantile, type Section } from '../figures.js';
import { anEvent, costOf, cpuNote, smallEvent, withNode } from './node-process.js';

const CONCURRENCY = 64;
const STREAMS = 1_000;
const EVENTS_PER_BATCH = 10;
const TICK_MS = 1;

export const appends: Section = async ({ quick, workFolder }) => {
  const seconds = quick ? 3 : 8;
  const turns = quick ? 1 : 3;
  const best: Record<string, { perSecond: number; note: string }> = {};
  const rounds: Record<string, number[]> = { p50: [], p99: [] };
  await withNode(workFolder, async ({ client }) => {
    const cells: Readonly<Record<string, () => Promise<{ perSecond: number; note: string }>>> = {
      single: () => closedLoop(client, () => [anEvent()], seconds),
      smallSingle: () => closedLoop(client, () => [smallEvent()], seconds),
      batch: () => closedLoop(client, () => times(EVENTS_PER_BATCH, anEvent), seconds),
      smallBatch: () => closedLoop(client, () => times(EVENTS_PER_BATCH, smallEvent), seconds),
    };
    await closedLoop(client, () => [anEvent()], 2);
    for (let turn = 0; turn < turns; turn++) {
      for (const [name, cell] of Object.entries(cells)) {
        const measured = await cell();
        rounds[name] = [...(rounds[name] ?? []), measured.perSecond];
        if (!best[name] || measured.perSecond > best[name].perSecond) best[name] = measured;
        process.stderr.write('.');
      }
      const delays = await openLoop(client, (rounds.single?.at(-1) ?? 0) / 2, seconds);
      rounds.p50?.push(quantile(delays, 0.5));
      rounds.p99?.push(quantile(delays, 0.99));
    }
  });
  const rate = (name: string, figure: string, unit: string, target: number): Figure => {
    const { perSecond, note } = best[name] as { perSecond: number; note: string };
    return { figure, value: perSecond, unit, target: { atLeast: target }, note };
  };
  const figures: Figure[] = [
    rate('single', `appends of one event, ${CONCURRENCY} at once`, '/s', 9_000),
    { figure: '  at half that rate, p50', value: Math.min(...(rounds.p50 as number[])), unit: 'ms', digits: 1 },
    {
      figure: '  at half that rate, p99',
      value: Math.min(...(rounds.p99 as number[])),
      unit: 'ms',
      digits: 1,
      target: { below: 10 },
    },
    rate('smallSingle', '  the event as small as can be', '/s', 9_000),
    rate('batch', `appends of ${EVENTS_PER_BATCH} events, ${CONCURRENCY} at once`, 'events/s', 30_000),
    rate('smallBatch', '  the events as small as can be', 'events/s', 30_000),
  ];
  return { figures, rounds, errors: [] };
};

/** As many appends as the node takes, a constant number of them under way. Counts events. */
async function closedLoop(client: EventStoreDBClient, newEvents: () => JSONEventData[], seconds: number) {
  let events = 0;
  const cost = await costOf(async () => {
    const until = performance.now() + seconds * 1_000;
    const worker = async (first: number): Promise<void> => {
      for (let turn = first; performance.now() < until; turn += CONCURRENCY) {
        const batch = newEvents();
        await client.appendToStream(`bench-${turn % STREAMS}`, batch);
        events += batch.length;
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
  // Nothing is kept of an append that was answered: what lives on would be this process's garbage, and its collections' pauses.
  const delays = new Float64Array(total);
  let answered = 0;
  let failure: unknown;
  const send = async (number: number): Promise<void> => {
    const dueAt = startedAt + (number / perSecond) * 1_000;
    try {
      await client.appendToStream(`bench-${number % STREAMS}`, anEvent());
    } catch (error) {
      failure ??= error;
    }
    delays[answered++] = performance.now() - dueAt;
  };
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - startedAt) / 1_000) * perSecond));
    for (; sent < due; sent++) void send(sent);
    await delay(TICK_MS);
  }
  while (answered < total) await delay(TICK_MS);
  if (failure) throw failure;
  return [...delays];
}

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
