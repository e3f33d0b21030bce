/** A process that does one task of the suite `accounts`, so that each figure starts from the same state. */
import { AccountWriter, DEFAULT_LIMITS } from '../src/accounts/account-writer.js';
import { EventStore } from '../src/event-store/event-store.js';
import { foldingRate, writeLongAccount } from './accounts-fold.js';
import { asking, open, reserveAndSettle } from './ledger-commands.js';

/** Reservations made and settled on accounts that may be those of other processes too. */
export interface PairsTask {
  readonly do: 'pairs';
  readonly connectionString: string;
  readonly accounts: number;
  /** Names the accounts: processes that are given the same one share them. */
  readonly prefix: string;
  readonly inFlight: number;
  /** Pairs begun per second, whatever the answers do; undefined: as many as are answered. */
  readonly rate?: number;
  readonly seconds: number;
}

export interface PairsFigures {
  readonly settledPerSecond: number;
  readonly cpuMsPerPair: number;
  readonly pairsPerAppend: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** An account of so many events: how long until it is in memory, and how long a pair takes then. */
export interface LongTask {
  readonly do: 'long';
  readonly connectionString: string;
  readonly events: number;
}

export interface LongFigures {
  readonly coldMs: number;
  readonly coldWithoutSnapshotMs: number;
  readonly warmPairMs: number;
}

/** Accounts taken in turn, more than the cache holds: each pair reads its account anew. */
export interface RotationTask {
  readonly do: 'rotation';
  readonly connectionString: string;
  readonly accounts: number;
}

export interface RotationFigures {
  readonly heapMb: number;
  readonly rssMb: number;
  /** Of the heap, for each account that the cache kept. */
  readonly bytesPerAccount: number;
  readonly kept: number;
  readonly pairsPerSecond: number;
}

export type Task = PairsTask | LongTask | RotationTask | { readonly do: 'fold' };

const WARM_UP_MS = 1_000;
const clock = { now: () => Date.now() };

process.once('message', async (task: Task) => {
  process.send?.(await run(task), () => process.exit(0));
});

function run(task: Task): Promise<unknown> | number {
  switch (task.do) {
    case 'pairs':
      return pairs(task);
    case 'long':
      return long(task);
    case 'rotation':
      return rotation(task);
    case 'fold':
      return foldingRate();
  }
}

async function pairs({ connectionString, accounts: count, prefix, inFlight, rate, seconds }: PairsTask): Promise<PairsFigures> {
  const store = new EventStore(connectionString);
  const accounts = Array.from({ length: count }, (_, index) => `${prefix}x${index}`);
  const ask = asking(new AccountWriter(store, clock), `${prefix}:${process.pid}`);
  await atOnce(200, accounts, (account) => open(account, ask));
  process.send?.('ready');
  await new Promise((go) => process.once('message', go));

  let begun = 0;
  let latencies: number[] = [];
  const pair = async (dueAt = performance.now()): Promise<void> => {
    const turn = begun++;
    await reserveAndSettle(accounts[turn % count] as string, `${process.pid}-${turn}`, ask);
    latencies.push(performance.now() - dueAt);
  };
  const closed = async (until: number): Promise<void> => {
    while (performance.now() < until) await pair();
  };
  const during = async (ms: number): Promise<void> => {
    const until = performance.now() + ms;
    if (rate === undefined) await Promise.all(Array.from({ length: inFlight }, () => closed(until)));
    else await paced(rate, ms, pair);
  };
  await during(WARM_UP_MS);
  latencies = [];
  const { appends } = store.counters;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await during(seconds * 1000);
  const elapsedMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  const settled = latencies.length;
  const sorted = latencies.sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(settled * share)] ?? Number.NaN;
  return {
    settledPerSecond: (settled / elapsedMs) * 1000,
    cpuMsPerPair: (user + system) / 1000 / settled,
    pairsPerAppend: settled / (store.counters.appends - appends),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}

async function long({ connectionString, events }: LongTask): Promise<LongFigures> {
  const store = new EventStore(connectionString);
  const account = `long${events}x${process.pid}`;
  await writeLongAccount(store, account, events);
  const coldLoad = async (): Promise<{ writer: AccountWriter; ms: number }> => {
    const writer = new AccountWriter(store, clock);
    const startedAt = performance.now();
    await writer.load(account);
    const ms = performance.now() - startedAt;
    await writer.snapshots.idle();
    return { writer, ms };
  };
  const without = await coldLoad();
  const loads = [];
  for (let load = 0; load < 20; load++) loads.push(await coldLoad());
  const ask = asking(loads[0]?.writer as AccountWriter, account);
  const pairsMs: number[] = [];
  for (let pair = 0; pair < 400; pair++) {
    const startedAt = performance.now();
    await reserveAndSettle(account, `warm-${pair}`, ask);
    pairsMs.push(performance.now() - startedAt);
  }
  return {
    coldMs: middle(loads.map(({ ms }) => ms)),
    coldWithoutSnapshotMs: without.ms,
    warmPairMs: middle(pairsMs.slice(100)),
  };
}

async function rotation({ connectionString, accounts: count }: RotationTask): Promise<RotationFigures> {
  const writer = new AccountWriter(new EventStore(connectionString), clock, DEFAULT_LIMITS);
  const prefix = `turn${process.pid}`;
  const accounts = Array.from({ length: count }, (_, index) => `${prefix}x${index}`);
  const ask = asking(writer, prefix);
  await open(`${prefix}y`, ask);
  const before = heapBytes();
  const startedAt = performance.now();
  await atOnce(500, accounts, async (account) => {
    await open(account, ask);
    await reserveAndSettle(account, account, ask);
  });
  const elapsedMs = performance.now() - startedAt;
  const heap = heapBytes();
  return {
    heapMb: (heap - before) / 2 ** 20,
    rssMb: process.memoryUsage().rss / 2 ** 20,
    bytesPerAccount: (heap - before) / writer.known,
    kept: writer.known,
    pairsPerSecond: (count / elapsedMs) * 1000,
  };
}

function heapBytes(): number {
  for (let times = 0; times < 3; times++) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** A few at a time: thousands of streams that begin at the same moment are no part of what is measured. */
async function atOnce(width: number, accounts: readonly string[], each: (account: string) => Promise<void>): Promise<void> {
  const queue = accounts.values();
  const next = async (): Promise<void> => {
    for (const account of queue) await each(account);
  };
  await Promise.all(Array.from({ length: width }, next));
}

/** Begins a pair whenever one is due and counts from then on: a late answer makes those after it late. */
async function paced(rate: number, ms: number, pair: (dueAt: number) => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  const waiting: Promise<void>[] = [];
  for (let begun = 0; begun < (rate * ms) / 1000; ) {
    const due = ((performance.now() - startedAt) / 1000) * rate;
    for (; begun < due; begun++) waiting.push(pair(startedAt + (begun / rate) * 1000));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(waiting);
}

const middle = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
