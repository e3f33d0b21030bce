/** A read model built again from the first event, out of the embedded event store into the embedded PostgreSQL. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { balancesDefinition } from '../projections/balances/balances.definition.js';
import { openDatabase } from '../projections/runtime/database.js';
import { Freshness } from '../projections/runtime/freshness.js';
import { ProjectionRunner } from '../projections/runtime/runner.js';
import { startPostgres } from '../src/embedded/postgres/server.js';
import { EventStore } from '../src/event-store/event-store.js';
import type { Bench } from './bench.js';
import type { LedgerCell } from './ledger.js';
import type { SuiteResult } from './samples.js';

const script = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const ACCOUNTS = 400;
const WRITING_SECONDS = 20;
const REBUILD_TIMEOUT_MS = 300_000;

/** Events per second when a projection is rebuilt from the log. */
export async function rebuild({ quick, workFolder }: Bench): Promise<SuiteResult> {
  const store = fork(
    script('../src/embedded/event-store/main.js'),
    ['--data-dir', mkdtempSync(join(workFolder, 'log-')), '--port', '0'],
    {
      stdio: 'ignore',
    },
  );
  const folder = mkdtempSync(join(workFolder, 'rows-'));
  chmodSync(folder, 0o755);
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres') });
  try {
    const [{ port }] = (await once(store, 'message')) as [{ port: number }];
    const connectionString = `esdb://127.0.0.1:${port}?tls=false`;
    await write({ connectionString, accounts: ACCOUNTS, inFlight: 256, seconds: quick ? 3 : WRITING_SECONDS });
    const { events, elapsedMs } = await project(connectionString, postgres.url);
    const values = { ownAccounts: (events / elapsedMs) * 1000 };
    return {
      rows: [{ figure: `events/s, balances rebuilt from ${events} events`, values, digits: 0 }],
      cells: { events, elapsedMs },
      errors: [],
    };
  } finally {
    await postgres.close();
    store.kill('SIGTERM');
    await once(store, 'exit');
  }
}

async function write(cell: LedgerCell): Promise<void> {
  const writer = fork(script('./ledger-writer.js'));
  writer.send(cell);
  await once(writer, 'exit');
}

async function project(connectionString: string, databaseUrl: string): Promise<{ events: number; elapsedMs: number }> {
  const events = new EventStore(connectionString);
  const stream = { streamPrefixes: ['account-'], after: undefined, batchMax: 1_000, signal: new AbortController().signal };
  const { count, end } = await countEvents(events.subscribe(stream));
  const dataSource = await openDatabase(databaseUrl, [balancesDefinition]);
  const freshness = new Freshness(dataSource);
  const runner = new ProjectionRunner(balancesDefinition, dataSource, events, freshness, {
    log() {},
    warn: console.warn,
    error: console.error,
  });
  const startedAt = performance.now();
  runner.start();
  const complete = await freshness.waitFor(balancesDefinition.projection, end, REBUILD_TIMEOUT_MS);
  const elapsedMs = performance.now() - startedAt;
  await runner.stop();
  await dataSource.destroy();
  await events.close();
  if (!complete)
    throw new Error(
      `the projection did not reach position ${end}: ${JSON.stringify(runner.status(), (_, value) => String(value))}`,
    );
  return { events: count, elapsedMs };
}

/** Reads until nothing comes for a while: what there is, and where it ends. */
async function countEvents(
  batches: AsyncGenerator<{ events: readonly unknown[]; position: bigint }>,
): Promise<{ count: number; end: bigint }> {
  let count = 0;
  let end = -1n;
  for (;;) {
    const quiet = delay(1_000);
    const next = await Promise.race([batches.next(), quiet.then(() => undefined)]);
    if (!next || next.done) return { count, end };
    count += next.value.events.length;
    end = next.value.events.length > 0 ? next.value.position : end;
  }
}
