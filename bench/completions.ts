import { type Bench, CONNECTIONS_MAX, type Measured, TARGETS } from './bench.js';
import { completionRequest } from './requests.js';
import { type NamedLoad, type Row, type SuiteResult, sample, warmUp } from './samples.js';

const CONNECTIONS = [1, 16, CONNECTIONS_MAX];
const OPEN_LOOP = { rate: 200, upstreamDelayMs: 20 };
const CALLS_MAX = 300_000;

/** JSON answers: what one costs in CPU, how many go through, and how much later they come. */
export async function completions(bench: Bench): Promise<SuiteResult> {
  const { seconds } = bench;
  const closed = (connections: number) => ({ body: completionRequest(), connections, seconds, callsMax: CALLS_MAX });
  const paced = {
    body: completionRequest(OPEN_LOOP.upstreamDelayMs),
    connections: 32,
    seconds: seconds * 1.5,
    callsMax: CALLS_MAX,
  };
  const loads: NamedLoad[] = [
    ...CONNECTIONS.map((connections) => ({
      name: cellName(connections),
      load: closed(connections),
      // One connection has one account either way.
      targets: connections === 1 ? TARGETS.filter((target) => target !== 'ownAccounts') : TARGETS,
    })),
    { name: 'open loop', load: { ...paced, rate: OPEN_LOOP.rate } },
  ];
  await warmUp(bench, closed(16));
  const samples = await sample(bench, loads);

  const rows: Row[] = [];
  for (const connections of CONNECTIONS) {
    const name = cellName(connections);
    const cpu = (kind: keyof Measured['cpu']) => samples.medians(name, (cell) => cell.cpu[kind] / cell.completed);
    rows.push({
      figure: `CPU µs per request, ${name}`,
      values: cpu('own'),
      digits: 0,
      against: 'ratio',
      target: { of: 'compared', oneAccount: 3.5, ...(connections > 1 && { ownAccounts: 5 }), aim: 2.5 },
    });
    rows.push({ figure: '  its event store, µs', values: oursOnly(cpu('eventStore')), digits: 0 });
    rows.push({ figure: '  its PostgreSQL, µs', values: oursOnly(cpu('postgres')), digits: 0 });
  }
  for (const connections of CONNECTIONS) {
    const name = cellName(connections);
    const perSecond = samples.medians(name, (cell) => (cell.completed / cell.elapsedMs) * 1000);
    rows.push({ figure: `requests/s at saturation, ${name}`, values: perSecond, digits: 0, against: 'ratio' });
  }
  for (const quantile of ['p50', 'p99'] as const) {
    rows.push({
      figure: `latency ${quantile} ms, ${OPEN_LOOP.rate}/s, ${OPEN_LOOP.upstreamDelayMs} ms upstream`,
      values: samples.medians('open loop', (cell) => cell.latencyMs[quantile]),
      digits: 2,
      against: 'difference',
    });
  }
  rows.push({
    figure: `store appends per event, ${cellName(CONNECTIONS_MAX)}`,
    values: oursOnly(samples.medians(cellName(CONNECTIONS_MAX), (cell) => cell.appendsPerEvent)),
    digits: 2,
    target: { of: 'value', oneAccount: 0.5 },
  });
  return { rows, cells: samples.cells(), errors: samples.errors() };
}

const cellName = (connections: number) => `${connections} ${connections === 1 ? 'connection' : 'connections'}`;

/** What only the gateway has: the others would show a zero that means nothing. */
const oursOnly = ({ oneAccount, ownAccounts }: Row['values']): Row['values'] => ({
  ...(oneAccount !== undefined && { oneAccount }),
  ...(ownAccounts !== undefined && { ownAccounts }),
});
