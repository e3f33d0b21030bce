import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { EventStore } from '../../src/event-store/event-store.js';
import { ageOfFirst } from './projection-report.js';
import type { Projections } from './projections.js';

const STATES = ['catching_up', 'live', 'standby', 'stopped'] as const;
const BATCH_SIZES = [1, 10, 100, 1_000, 10_000];
const MS = 1_000;

/** Tells Prometheus how far each projection is. The store is asked when somebody looks; a commit counts, an event does not. */
export function measureProjections(projections: Projections, store: EventStore, now: () => number, registry: Registry): void {
  const labelNames = ['projection'];
  const registers = [registry];
  const gauge = (name: string, help: string, collect: (gauge: Gauge) => void | Promise<void>) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        return collect(this);
      },
    });
  const prefixesOf = (name: string): readonly string[] =>
    projections.definitions.find(({ projection }) => projection.name === name)?.projection.streamPrefixes ?? [];

  gauge('projection_position', 'Commit position that this process knows to be folded', (own) => {
    for (const { name, position } of projections.statuses()) own.set({ projection: name }, Number(position));
  });
  gauge('projection_head_position', 'Commit position of the last event of its streams', async (own) => {
    own.reset();
    for (const { name } of projections.statuses()) {
      const head = await store.headPosition(prefixesOf(name)).catch(() => undefined);
      if (head !== undefined) own.set({ projection: name }, Number(head));
    }
  });
  gauge('projection_lag_seconds', 'Age of the oldest event that is not folded, where this process leads', async (own) => {
    own.reset();
    for (const { name, position, state } of projections.statuses()) {
      // Who stands by does not know how far the leader is.
      if (state !== 'live' && state !== 'catching_up') continue;
      const age = await ageOfFirst(store, prefixesOf(name), position, now()).catch(() => undefined);
      if (age !== undefined) own.set({ projection: name }, age / MS);
    }
  });
  new Gauge({
    name: 'projection_state',
    help: '1 for the state that the runner of this process is in, 0 for the others',
    labelNames: ['projection', 'state'],
    registers,
    collect() {
      for (const { name, state } of projections.statuses())
        for (const each of STATES) this.set({ projection: name, state: each }, each === state ? 1 : 0);
    },
  });

  const folded = new Counter({ name: 'projection_events_folded_total', help: 'Events in commits', labelNames, registers });
  const batches = new Histogram({
    name: 'projection_batch_events',
    help: 'Events of one commit',
    labelNames,
    buckets: BATCH_SIZES,
    registers,
  });
  projections.onCommit = (projection, events) => {
    folded.inc({ projection }, events);
    batches.observe({ projection }, events);
  };
}
