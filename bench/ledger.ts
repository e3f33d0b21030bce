/** The ledger alone, without HTTP: reserve and settle against the embedded event store in a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from './bench.js';
import type { Row, SuiteResult } from './samples.js';

const STORE = fileURLToPath(new URL('../src/embedded/event-store/main.js', import.meta.url));
const WRITER = fileURLToPath(new URL('./ledger-writer.js', import.meta.url));
const ACCOUNTS = 1_000;
const IN_FLIGHT = [1, 16, 64, 256];

/** What the writer's process is asked to do, and what it answers. */
export interface LedgerCell {
  readonly connectionString: string;
  readonly accounts: number;
  readonly inFlight: number;
  readonly seconds: number;
}
export interface LedgerFigures {
  readonly settled: number;
  readonly elapsedMs: number;
  readonly cpuMs: number;
  readonly appendsPerEvent: number;
}

/** Settled reservations per second on one hot account and over 1,000 accounts. */
export async function ledger({ seconds, rounds, workFolder }: Bench): Promise<SuiteResult> {
  const store = fork(STORE, ['--data-dir', mkdtempSync(join(workFolder, 'ledger-')), '--port', '0'], { stdio: 'ignore' });
  const [{ port }] = (await once(store, 'message')) as [{ port: number }];
  const cells: Record<string, LedgerFigures[]> = {};
  const rows: Row[] = [];
  try {
    const connectionString = `esdb://127.0.0.1:${port}?tls=false`;
    for (let round = 0; round < rounds; round++) {
      for (const inFlight of IN_FLIGHT) {
        for (const accounts of [1, ACCOUNTS]) {
          const figures = await inWriter({ connectionString, accounts, inFlight, seconds });
          const name = `${inFlight} in flight, ${accounts} accounts`;
          cells[name] = [...(cells[name] ?? []), figures];
          process.stderr.write('.');
        }
      }
    }
  } finally {
    store.kill('SIGTERM');
    await once(store, 'exit');
  }
  for (const inFlight of IN_FLIGHT) {
    const hot = cells[`${inFlight} in flight, 1 accounts`] ?? [];
    const many = cells[`${inFlight} in flight, ${ACCOUNTS} accounts`] ?? [];
    const row = (figure: string, digits: number, value: (figures: LedgerFigures) => number): Row => ({
      figure: `${figure}, ${inFlight} in flight`,
      digits,
      values: { oneAccount: median(hot.map(value)), ownAccounts: median(many.map(value)) },
    });
    rows.push(row('settled reservations/s', 0, ({ settled, elapsedMs }) => (settled / elapsedMs) * 1000));
    rows.push(row('  CPU µs per reservation', 0, ({ settled, cpuMs }) => (cpuMs / settled) * 1000));
    rows.push(row('  appends per event', 2, ({ appendsPerEvent }) => appendsPerEvent));
  }
  return { rows, cells, errors: [] };
}

async function inWriter(cell: LedgerCell): Promise<LedgerFigures> {
  const writer = fork(WRITER);
  writer.send(cell);
  const [figures] = (await once(writer, 'message')) as [LedgerFigures];
  if (writer.exitCode === null) await once(writer, 'exit');
  return figures;
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
