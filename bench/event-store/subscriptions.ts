/** From the moment an append is sent until a live subscriber has the event, and what thousands of subscribers cost. */
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { END, type EventStoreDBClient, type JSONEventType, jsonEvent, streamNameFilter } from '@eventstore/db-client';
import { type Figure, quantile, type Section } from '../figures.js';
import { withNode } from './node-process.js';

const PAUSE_MS = 5;
const SUBSCRIBERS = 2_000;

type Sent = JSONEventType<'sent', { at: number }>;

export const subscriptions: Section = async ({ quick, workFolder }) => {
  const events = quick ? 400 : 2_000;
  const alone = await withNode(workFolder, ({ client }) => deliveries(client, events));
  process.stderr.write('.');
  const crowd = await withNode(workFolder, async ({ client, rssMegabytes }) => {
    const before = rssMegabytes();
    for (let index = 0; index < SUBSCRIBERS; index++) await confirmed(client.subscribeToStream(`quiet-${index}`));
    const after = rssMegabytes();
    return { delays: await deliveries(client, events), kibibytes: ((after - before) * 1024) / SUBSCRIBERS };
  });
  const figures: Figure[] = [
    { figure: 'append to delivery, p50', value: quantile(alone, 0.5), unit: 'ms', digits: 2, target: { below: 2 } },
    { figure: 'append to delivery, p99', value: quantile(alone, 0.99), unit: 'ms', digits: 2 },
    {
      figure: `  beside ${SUBSCRIBERS} quiet subscribers, p50`,
      value: quantile(crowd.delays, 0.5),
      unit: 'ms',
      digits: 2,
      note: `${crowd.kibibytes.toFixed(0)} KiB of the node's memory for each`,
    },
  ];
  return { figures, rounds: { alone, crowd: crowd.delays }, errors: [] };
};

/** Milliseconds from the call of the append to the event in the subscriber's hands; both have one clock, that of this process. */
async function deliveries(client: EventStoreDBClient, events: number): Promise<number[]> {
  const subscription = client.subscribeToAll({ fromPosition: END, filter: streamNameFilter({ prefixes: ['timed'] }) });
  const delays: number[] = [];
  const done = new Promise<void>((resolve, reject) => {
    subscription.on('error', reject);
    subscription.on('data', ({ event }) => {
      const sent = event as Sent | undefined;
      delays.push(performance.now() - (sent?.data.at ?? Number.NaN));
      if (delays.length === events) resolve();
    });
  });
  await once(subscription, 'confirmation');
  for (let sent = 0; sent < events; sent++) {
    await client.appendToStream<Sent>('timed', jsonEvent<Sent>({ type: 'sent', data: { at: performance.now() } }));
    await delay(PAUSE_MS);
  }
  await done;
  await subscription.unsubscribe();
  return delays;
}

const confirmed = (subscription: ReturnType<EventStoreDBClient['subscribeToStream']>): Promise<unknown> => {
  subscription.on('data', () => {});
  return once(subscription, 'confirmation');
};
