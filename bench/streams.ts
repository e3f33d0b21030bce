import { type Bench, CONNECTIONS_MAX } from './bench.js';
import { streamRequest } from './requests.js';
import { type NamedLoad, type Row, type SuiteResult, sample, warmUp } from './samples.js';

const STREAMS = [16, CONNECTIONS_MAX];
const CHUNK_DELAY_MS = 10;
/** One account for all: where its streams meet is the harder case, and the usual one for an application. */
const COMPARED = ['direct', 'passThrough', 'oneAccount'] as const;
const CALLS_MAX = 50_000;

/** Streams of 100 chunks: how soon the first arrives, what each costs, how many go through back to back. */
export async function streams(bench: Bench): Promise<SuiteResult> {
  const paced = (connections: number) => ({
    body: streamRequest(CHUNK_DELAY_MS),
    connections,
    seconds: bench.seconds * 1.5,
    callsMax: CALLS_MAX,
    // A stream lasts a second; begun over one, they are evenly out of step.
    spreadMs: 1000,
    stream: true,
  });
  const burst = (connections: number) => ({
    body: streamRequest(0),
    connections,
    seconds: bench.seconds * 0.75,
    callsMax: CALLS_MAX,
    stream: true,
  });
  const loads: NamedLoad[] = STREAMS.flatMap((count) => [
    { name: `${count} paced`, load: paced(count), targets: COMPARED },
    { name: `${count} burst`, load: burst(count), targets: COMPARED },
  ]);
  await warmUp(bench, burst(16));
  const samples = await sample(bench, loads);

  const rows: Row[] = [];
  for (const quantile of ['p50', 'p99'] as const) {
    rows.push({
      figure: `first chunk ${quantile} ms, 16 streams of 100 x ${CHUNK_DELAY_MS} ms`,
      values: samples.medians('16 paced', (cell) => cell.firstDataMs[quantile]),
      digits: 2,
      against: 'difference',
      ...(quantile === 'p50' && { target: { of: 'compared', oneAccount: 3 } }),
    });
  }
  for (const count of STREAMS) {
    rows.push({
      figure: `CPU µs per chunk, ${count} streams paced`,
      values: samples.medians(`${count} paced`, (cell) => cell.cpu.own / cell.events),
      digits: 1,
      against: 'ratio',
      target: { of: 'compared', oneAccount: 1.3 },
    });
  }
  for (const count of STREAMS) {
    const cell = `${count} burst`;
    const perSecond = samples.medians(cell, ({ events, elapsedMs }) => (events / elapsedMs) * 1000);
    rows.push({ figure: `chunks/s, ${count} streams in burst`, values: perSecond, digits: 0, against: 'ratio' });
    const cpu = samples.medians(cell, ({ cpu, events }) => cpu.own / events);
    rows.push({ figure: `  CPU µs per chunk, ${count} in burst`, values: cpu, digits: 1, against: 'ratio' });
  }
  return { rows, cells: samples.cells(), errors: samples.errors() };
}
