/** What every suite works with: the servers to compare, one way to measure a cell, and how long cells last. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Counters, startGateway } from './gateway.js';
import type { Cell, CellResult } from './load/cell.js';
import { type CpuTimes, cpuTimes } from './process-facts.js';
import { type LoadGenerator, startLoadGenerator, startServer, startUpstream } from './processes.js';

export const TARGETS = ['direct', 'passThrough', 'oneAccount', 'ownAccounts'] as const;
export type TargetName = (typeof TARGETS)[number];

/** Most connections of any cell, and so the accounts that it takes to give each its own. */
export const CONNECTIONS_MAX = 64;

/** A server and who calls it. */
export interface Target {
  port: number;
  keys: string[];
  /** The process whose CPU counts; the provider itself has none. */
  pid: number | undefined;
}

export type Load = Omit<Cell, 'port' | 'keys'>;

export interface Measured extends CellResult {
  target: TargetName;
  /** From the first call until the server has come to rest: read models that lag behind are part of what a call costs. */
  cpu: CpuTimes;
  /** Store appends per event in this cell. */
  appendsPerEvent: number;
}

export interface Bench {
  quick: boolean;
  rounds: number;
  /** Length of one cell. */
  seconds: number;
  /** Where a suite may keep data of its own. */
  workFolder: string;
  load: LoadGenerator;
  /** A server of its own for a suite that must count from the start. */
  startGateway(env?: Record<string, string>): ReturnType<typeof startGateway>;
  measure(target: TargetName, load: Load): Promise<Measured>;
  stop(): Promise<void>;
}

export interface BenchOptions {
  quick: boolean;
  command: string[];
  standIn: boolean;
  passThroughCommand: string[];
  workFolder: string;
}

export async function openBench({ quick, command, standIn, passThroughCommand, workFolder }: BenchOptions): Promise<Bench> {
  const upstream = await startUpstream();
  const load = startLoadGenerator();
  const passThroughEnv = { OPENAI_BASE_URL: `http://127.0.0.1:${upstream.port}/v1`, OPENAI_API_KEY: 'sk-upstream' };
  const passThrough = await startServer(passThroughCommand, passThroughEnv, `${workFolder}/pass-through.log`);
  const openGateway = (env: Record<string, string> = {}) =>
    startGateway({ command, standIn, upstreamPort: upstream.port, workFolder, env });
  const gateway = await openGateway();
  const ownKeys = await gateway.openAccounts(CONNECTIONS_MAX);
  const targets: Record<TargetName, Target> = {
    direct: { port: upstream.port, keys: ['sk-upstream'], pid: undefined },
    passThrough: { port: passThrough.port, keys: ['sk-any'], pid: passThrough.pid },
    oneAccount: { port: gateway.port, keys: ownKeys.slice(0, 1), pid: gateway.pid },
    ownAccounts: { port: gateway.port, keys: ownKeys, pid: gateway.pid },
  };

  return {
    quick,
    rounds: quick ? 1 : 3,
    seconds: quick ? 2 : 6,
    workFolder,
    load,
    startGateway: openGateway,
    measure: (target, cell) =>
      measureOn(load, targets[target], target, cell, async () =>
        targets[target].pid === gateway.pid ? gateway.counters() : { appends: Number.NaN, events: Number.NaN },
      ),
    async stop() {
      load.stop();
      await Promise.all([passThrough.stop(), gateway.stop()]);
      upstream.stop();
    },
  };
}

/** One cell against one server, and what it cost that server. @param target its column in the table */
export async function measureOn(
  load: LoadGenerator,
  { port, keys, pid }: Target,
  target: TargetName,
  cell: Load,
  counters: () => Promise<Counters>,
): Promise<Measured> {
  const before = await counters();
  const cpuBefore = timesOf(pid);
  const result = await load.run({ ...cell, port, keys });
  await rest(pid);
  const cpuAfter = timesOf(pid);
  const after = await counters();
  const appendsPerEvent = (after.appends - before.appends) / (after.events - before.events);
  return { ...result, target, cpu: difference(cpuAfter, cpuBefore), appendsPerEvent };
}

const timesOf = (pid: number | undefined): CpuTimes =>
  pid === undefined ? { own: Number.NaN, postgres: Number.NaN, eventStore: Number.NaN } : cpuTimes(pid);

const difference = (after: CpuTimes, before: CpuTimes): CpuTimes => ({
  own: after.own - before.own,
  postgres: after.postgres - before.postgres,
  eventStore: after.eventStore - before.eventStore,
});

const REST_WITHIN_MS = 15_000;
const REST_STEP_MS = 200;
/** One tick is all that an idle server should spend in a step. */
const RESTING_CPU_US = 20_000;

/** Waits until a server has stopped working on what it was given, so that the next cell does not pay for this one. */
async function rest(pid: number | undefined): Promise<void> {
  if (pid === undefined) return;
  const spent = () => cpuTimes(pid).own;
  for (let waitedMs = 0, before = spent(); waitedMs < REST_WITHIN_MS; waitedMs += REST_STEP_MS) {
    await delay(REST_STEP_MS);
    const now = spent();
    if (now - before < RESTING_CPU_US) return;
    before = now;
  }
}
