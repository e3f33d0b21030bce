import { setTimeout as delay } from 'node:timers/promises';
import { type Bench, CONNECTIONS_MAX } from './bench.js';
import { rssMegabytes } from './process-facts.js';
import { completionRequest } from './requests.js';
import { median, type SuiteResult } from './samples.js';

const SAMPLE_MS = 100;
/** A sawtooth from garbage collection lies under every figure: the median over this share of the run smooths it. */
const WINDOW = 0.1;

/** Memory of a fresh server over a long run. What still grows in the second half grows for ever. */
export async function memory(bench: Bench): Promise<SuiteResult> {
  const calls = bench.quick ? 20_000 : 100_000;
  const gateway = await bench.startGateway();
  try {
    const keys = await gateway.openAccounts(CONNECTIONS_MAX);
    const idle = rssMegabytes(gateway.pid);
    const before = await bench.load.run(cell(gateway.port, keys, calls / 2));
    const half = await settledRss(gateway.pid, before.elapsedMs);
    const after = await bench.load.run(cell(gateway.port, keys, calls / 2));
    const end = await settledRss(gateway.pid, after.elapsedMs);
    const errors = [before, after].flatMap((result) =>
      Object.entries(result.errors).map(([reason, times]) => `memory: ${times} x ${reason}`),
    );
    return {
      rows: [
        { figure: 'RSS MB before the first request', values: { ownAccounts: idle }, digits: 0 },
        { figure: `RSS MB after ${calls / 2} requests`, values: { ownAccounts: half }, digits: 0 },
        {
          figure: `RSS MB after ${calls} requests`,
          values: { ownAccounts: end },
          digits: 0,
          target: { of: 'value', ownAccounts: 250 },
        },
      ],
      cells: { memory: { calls: before.completed + after.completed, idle, half, end } },
      errors,
    };
  } finally {
    await gateway.stop();
  }
}

const cell = (port: number, keys: string[], callsMax: number) => ({
  port,
  keys,
  body: completionRequest(),
  connections: CONNECTIONS_MAX,
  seconds: 300,
  callsMax,
});

/** The median over a short while after a run: long enough for a collection, too short for memory to be given back. */
async function settledRss(pid: number, runMs: number): Promise<number> {
  const samples: number[] = [];
  const count = Math.max(5, Math.min(30, (runMs * WINDOW) / SAMPLE_MS));
  while (samples.length < count) {
    samples.push(rssMegabytes(pid));
    await delay(SAMPLE_MS);
  }
  return median(samples);
}
