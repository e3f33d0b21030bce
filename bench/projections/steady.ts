/** How far read models lie behind a steady stream of events: from an append that was acknowledged to its rows committed. */
import { setTimeout as delay } from 'node:timers/promises';
import { openDatabase } from '../../projections/runtime/database.js';
import { Freshness } from '../../projections/runtime/freshness.js';
import { Projections } from '../../projections/runtime/projections.js';
import { AccountWriter } from '../../src/accounts/account-writer.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { type Figure, type Options, quantile, type SectionResult } from '../figures.js';
import { asking, open, reserveAndSettle } from '../ledger-commands.js';
import { ALL_PROJECTIONS, withStores } from './stores.js';

const ACCOUNTS = 200;
/** A reservation and a settlement each. */
const CALLS_PER_SECOND = 1_000;
const WARM_UP_SECONDS = 3;
const LAG_P99_TARGET_MS = 250;

/** An append that was acknowledged. */
interface Acknowledged {
  readonly position: bigint;
  readonly at: number;
}

/**
 * Lag of one projection, from what its runner says when it has committed. Asking for a position would hurry the runner, which
 * lets events gather while nobody asks.
 */
class LagMeter {
  readonly lagsMs: number[] = [];
  private readonly waiting: Acknowledged[] = [];
  private position = -1n;

  acknowledged(append: Acknowledged): void {
    if (append.position <= this.position) this.lagsMs.push(0);
    else this.waiting.push(append);
  }

  reached(position: bigint, at: number): void {
    this.position = position;
    let left = 0;
    for (const append of this.waiting) {
      if (append.position <= position) this.lagsMs.push(at - append.at);
      else this.waiting[left++] = append;
    }
    this.waiting.length = left;
  }

  get isIdle(): boolean {
    return this.waiting.length === 0;
  }
}

class MeasuredFreshness extends Freshness {
  readonly meters = new Map(ALL_PROJECTIONS.map(({ projection }) => [projection.name, new LagMeter()]));

  override reached(projection: Parameters<Freshness['reached']>[0], position: bigint): void {
    super.reached(projection, position);
    this.meters.get(projection.name)?.reached(position, performance.now());
  }
}

export async function steady({ quick, workFolder }: Options): Promise<SectionResult> {
  return withStores(workFolder, async ({ connectionString, databaseUrl, store }) => {
    const dataSource = await openDatabase(databaseUrl, ALL_PROJECTIONS);
    const freshness = new MeasuredFreshness(dataSource);
    const projections = new Projections(ALL_PROJECTIONS, dataSource, store, freshness, {
      log() {},
      warn: console.warn,
      error: console.error,
    });
    const writing = new EventStore(connectionString);
    const meters = [...freshness.meters];
    const append = writing.append.bind(writing);
    let isMeasuring = false;
    writing.append = async (...asked) => {
      const appended = await append(...asked);
      const acknowledged = { position: appended.position, at: performance.now() };
      if (isMeasuring) for (const [, meter] of meters) meter.acknowledged(acknowledged);
      return appended;
    };
    try {
      projections.start();
      const write = await writingCalls(writing);
      await write(WARM_UP_SECONDS);
      isMeasuring = true;
      const { calls, elapsedMs } = await write(quick ? 5 : 30);
      isMeasuring = false;
      while (!meters.every(([, meter]) => meter.isIdle)) await delay(20);
      const rate: Figure = {
        figure: 'events written while the lag was measured',
        value: (2 * calls * 1_000) / elapsedMs,
        unit: 'events/s',
        note: 'writer, projections and meter share one process',
      };
      return {
        figures: [rate, ...meters.flatMap(([name, { lagsMs }]) => figuresOf(name, lagsMs))],
        rounds: { calls, elapsedMs },
        errors: [],
      };
    } finally {
      await projections.stop();
      await dataSource.destroy();
      await writing.close();
    }
  });
}

/** @returns writes calls at the rate, whatever the ledger does, for so many seconds */
async function writingCalls(store: EventStore) {
  const writer = new AccountWriter(store, { now: () => Date.now() });
  const ask = asking(writer, 'steady');
  const accounts = Array.from({ length: ACCOUNTS }, (_, index) => `steady${index}`);
  await Promise.all(accounts.map((account) => open(account, ask)));
  let calls = 0;
  return async (seconds: number): Promise<{ calls: number; elapsedMs: number }> => {
    const [first, startedAt] = [calls, performance.now()];
    const underWay = new Set<Promise<void>>();
    for (let due = first; performance.now() < startedAt + seconds * 1_000; await delay(1)) {
      for (const planned = first + ((performance.now() - startedAt) / 1_000) * CALLS_PER_SECOND; due < planned; due++) {
        const call = reserveAndSettle(accounts[due % ACCOUNTS] as string, `steady-${calls++}`, ask);
        const tracked: Promise<void> = call.finally(() => underWay.delete(tracked));
        underWay.add(tracked);
      }
    }
    await Promise.all(underWay);
    return { calls: calls - first, elapsedMs: performance.now() - startedAt };
  };
}

const figuresOf = (name: string, lagsMs: readonly number[]): Figure[] => [
  { figure: `${name}: lag p50`, value: quantile(lagsMs, 0.5), unit: 'ms' },
  { figure: `${name}: lag p99`, value: quantile(lagsMs, 0.99), unit: 'ms', target: { below: LAG_P99_TARGET_MS } },
  { figure: `${name}: lag max`, value: quantile(lagsMs, 1), unit: 'ms' },
];
