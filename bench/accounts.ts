/** The ledger at its edges: one hot account, many, long ones, more than fit into memory, and several processes on one. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LongFigures, LongTask, PairsFigures, PairsTask, RotationFigures, Task } from './accounts-worker.js';
import type { Bench } from './bench.js';
import type { Row, SuiteResult } from './samples.js';

const STORE = fileURLToPath(new URL('../src/embedded/event-store/main.js', import.meta.url));
const WORKER = fileURLToPath(new URL('./accounts-worker.js', import.meta.url));
const RIVALS = 4;
const HOT_IN_FLIGHT = 256;
const RIVALS_IN_FLIGHT = 64;
const LONG_EVENTS = 1_000_000;
const LONG_EVENTS_QUICK = 50_000;
const SHORT_EVENTS = 1_000;

/** Pairs are reservations that were made and settled. Each task has processes of its own, on one embedded event store. */
export async function accounts({ quick, seconds, workFolder }: Bench): Promise<SuiteResult> {
  const store = fork(STORE, ['--data-dir', mkdtempSync(join(workFolder, 'accounts-')), '--port', '0'], { stdio: 'ignore' });
  const [{ port }] = (await once(store, 'message')) as [{ port: number }];
  const connectionString = `esdb://127.0.0.1:${port}?tls=false`;
  const rows: Row[] = [];
  const cells: Record<string, unknown> = {};
  const row = (figure: string, digits: number, values: Row['values']) => rows.push({ figure, digits, values });
  const pairs = async (name: string, processes: number, task: Partial<PairsTask>): Promise<PairsFigures[]> => {
    const prefix = name.replaceAll(/[^a-z0-9]/g, '');
    const inFlight = HOT_IN_FLIGHT;
    const figures = await together(processes, { do: 'pairs', connectionString, accounts: 1, prefix, inFlight, seconds, ...task });
    cells[name] = figures;
    process.stderr.write('.');
    return figures;
  };
  const alone = async <Figures>(name: string, task: Task): Promise<Figures> => {
    const figures = await inProcess<Figures>(task);
    cells[name] = figures;
    process.stderr.write('.');
    return figures;
  };
  try {
    const hot = sum(await pairs('hot account', 1, {}));
    const many = sum(await pairs('10,000 accounts', 1, { accounts: 10_000 }));
    row('pairs/s, hot account | 10,000 accounts', 0, { oneAccount: hot, ownAccounts: many });
    const [half] = await pairs('hot account at half its rate', 1, { rate: hot / 2 });
    row('  p50 ms at half of it', 1, { oneAccount: half?.p50Ms ?? Number.NaN });
    row('  p99 ms at half of it', 1, { oneAccount: half?.p99Ms ?? Number.NaN });

    const single = sum(await pairs('one process', 1, { inFlight: RIVALS_IN_FLIGHT }));
    const rivals = await pairs('four processes', RIVALS, { inFlight: RIVALS_IN_FLIGHT });
    row(`pairs/s, hot account, 1 process of ${RIVALS_IN_FLIGHT} in flight`, 0, { oneAccount: single });
    row(`  ${RIVALS} processes of as many, together`, 0, { oneAccount: sum(rivals) });
    row('  the slowest of them', 0, { oneAccount: Math.min(...rivals.map((each) => each.settledPerSecond)) });
    row('  its p99 ms', 0, { oneAccount: Math.max(...rivals.map((each) => each.p99Ms)) });

    row('events/s, folded', 0, { oneAccount: await alone<number>('fold', { do: 'fold' }) });
    const events = quick ? LONG_EVENTS_QUICK : LONG_EVENTS;
    const task = (count: number): LongTask => ({ do: 'long', connectionString, events: count });
    const short = await alone<LongFigures>('short account', task(SHORT_EVENTS));
    const long = await alone<LongFigures>('long account', task(events));
    row(`ms, cold load of ${SHORT_EVENTS} events`, 1, { oneAccount: short.coldMs });
    row(`  of ${events} events`, 1, { oneAccount: long.coldMs });
    row('  of as many, without a snapshot', 0, { oneAccount: long.coldWithoutSnapshotMs });
    row(`ms, a pair on ${SHORT_EVENTS} events`, 1, { oneAccount: short.warmPairMs });
    row(`  on ${events} events`, 1, { oneAccount: long.warmPairMs });

    const count = quick ? 20_000 : 100_000;
    const turn = await alone<RotationFigures>('rotation', { do: 'rotation', connectionString, accounts: count });
    row(`MB of heap, ${count} accounts in turn`, 0, { ownAccounts: turn.heapMb });
    row('  of resident memory', 0, { ownAccounts: turn.rssMb });
    row('  accounts kept', 0, { ownAccounts: turn.kept });
    row('  bytes for each', 0, { ownAccounts: turn.bytesPerAccount });
  } finally {
    store.kill('SIGTERM');
    await once(store, 'exit');
  }
  return { rows, cells, errors: [] };
}

const sum = (figures: readonly PairsFigures[]): number => figures.reduce((total, each) => total + each.settledPerSecond, 0);

async function inProcess<Figures>(task: Task): Promise<Figures> {
  const worker = start();
  worker.send(task);
  return answerOf<Figures>(worker);
}

/** The same task in several processes, begun when all of them are ready. */
async function together(processes: number, task: PairsTask): Promise<PairsFigures[]> {
  const workers = Array.from({ length: processes }, start);
  for (const worker of workers) {
    worker.send(task);
    await once(worker, 'message');
  }
  const answers = Promise.all(workers.map((worker) => answerOf<PairsFigures>(worker)));
  for (const worker of workers) worker.send('go');
  return answers;
}

/** What heap is used is only known after a collection. */
const start = (): ChildProcess => fork(WORKER, [], { execArgv: ['--expose-gc'] });

async function answerOf<Figures>(worker: ChildProcess): Promise<Figures> {
  const [figures] = (await once(worker, 'message')) as [Figures];
  if (worker.exitCode === null) await once(worker, 'exit');
  return figures;
}
