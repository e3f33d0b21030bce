/**
 * Carries out one run of a made-up report on a database, in a process of its own: built code, so `npm run build` first. It can be
 * told to end itself by SIGKILL at an exact step, as a machine that loses its power.
 *
 *   node report-process.js '{"databaseUrl":…,"rows":…,"pageRows":…,"killAtStep":…}'
 */
import { FinanceDatabase } from '../../dist/src/reports/finance-database.js';
import { ReportCatalogue } from '../../dist/src/reports/report-catalogue.js';
import { RunReportJob } from '../../dist/src/reports/run-report.job.js';
import { RunsTable } from '../../dist/src/reports/runs-table.js';

const { databaseUrl, rows, pageRows, killAtStep = -1 } = JSON.parse(process.argv[2]);
const DAY_MS = 86_400_000;
const FROM = Date.UTC(2026, 0, 1);

const report = {
  name: 'made-up',
  title: 'Made up, äöü',
  covers: 'month',
  byAccount: true,
  columns: [
    { name: 'position', type: 'position' },
    { name: 'occurred_at', type: 'instant' },
    { name: 'day', type: 'day' },
    { name: 'account', type: 'text' },
    { name: 'event', type: 'text' },
    { name: 'generation_id', type: 'text', nullable: true },
    { name: 'model', type: 'text', nullable: true },
    { name: 'tokens', type: 'count' },
    { name: 'debit', type: 'credits', total: 'debits' },
    { name: 'credit', type: 'credits', total: 'credits' },
    { name: 'balance', type: 'credits' },
  ],
  reached: async () => true,
  async *pages(_scope, after) {
    for (let at = after === undefined ? 0 : Number(after); at < rows; at += pageRows) {
      const last = Math.min(rows, at + pageRows);
      yield { rows: Array.from({ length: last - at }, (_, i) => row(at + i)), cursor: String(last) };
    }
  },
};

function row(n) {
  const amount = BigInt((n * 7919) % 999_983) * 1_003n;
  const isDebit = n % 2 === 0;
  const at = FROM + ((n * 2_677) % (31 * DAY_MS));
  return [
    BigInt(n) * 211n + 17n,
    at,
    new Date(at).toISOString().slice(0, 10),
    `account${n % 1_000}`,
    isDebit ? 'ReservationSettled' : 'CreditsGranted',
    isDebit ? `gen-${n.toString(36).padStart(20, '0')}` : null,
    ['a "quoted" model', 'comma, model', 'zeile\r\numbruch', null, '=1+1', 'ä'][n % 6],
    BigInt(n % 5_000),
    isDebit ? amount : 0n,
    isDebit ? 0n : amount,
    n % 3 === 0 ? -amount : amount,
  ];
}

const database = new FinanceDatabase(databaseUrl, () => undefined);
const runs = new RunsTable(database);
const until = Date.UTC(2026, 1, 1);
await runs.make({ id: 'run-1', report: report.name, period: '2026-01', from: FROM, until, upTo: 99n, provisional: false });

let step = 0;
const stopping = {
  get aborted() {
    if (step++ === killAtStep) process.kill(process.pid, 'SIGKILL');
    return false;
  },
};
let peakBytes = 0;
const watch = setInterval(() => {
  peakBytes = Math.max(peakBytes, process.memoryUsage().rss);
}, 50);
const startedAt = performance.now();
const job = new RunReportJob(
  database,
  runs,
  ReportCatalogue.of(() => [report]),
  { async *readBackwards() {} },
);
await job.run({ run_id: 'run-1' }, async () => undefined, { number: 1, isLast: false, stopping });
clearInterval(watch);
const ms = Math.round(performance.now() - startedAt);
process.stdout.write(JSON.stringify({ steps: step, ms, peakMb: Math.round(peakBytes / 1e6) }));
await database.close();
