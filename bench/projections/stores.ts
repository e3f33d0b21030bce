/** An event store and a PostgreSQL of their own for a section, as `npm start` embeds them. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { balancesDefinition } from '../../projections/balances/balances.definition.js';
import { journalDefinition } from '../../projections/journal/journal.entity.js';
import { providerUsageDefinition } from '../../projections/provider-usage/provider-usage.entity.js';
import type { AnyProjectionDefinition } from '../../projections/runtime/stored-projection.js';
import { usageDefinition } from '../../projections/usage/usage.entity.js';
import { startPostgres } from '../../src/embedded/postgres/server.js';
import { EventStore } from '../../src/event-store/event-store.js';
import type { LedgerCell } from '../ledger.js';
import { type CpuTimes, cpuTimes } from '../process-facts.js';

export const ALL_PROJECTIONS: readonly AnyProjectionDefinition[] = [
  balancesDefinition,
  usageDefinition,
  providerUsageDefinition,
  journalDefinition,
];

export interface Stores {
  readonly connectionString: string;
  readonly databaseUrl: string;
  readonly store: EventStore;
}

const script = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export async function withStores<T>(workFolder: string, use: (stores: Stores) => Promise<T>): Promise<T> {
  const log = mkdtempSync(join(workFolder, 'log-'));
  const node = fork(script('../../src/embedded/event-store/main.js'), ['--data-dir', log, '--port', '0'], { stdio: 'ignore' });
  const [{ port }] = (await once(node, 'message')) as [{ port: number }];
  const folder = mkdtempSync(join(workFolder, 'rows-'));
  chmodSync(folder, 0o755);
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres') });
  const connectionString = `esdb://127.0.0.1:${port}?tls=false`;
  const store = new EventStore(connectionString);
  try {
    return await use({ connectionString, databaseUrl: postgres.url, store });
  } finally {
    await store.close();
    await postgres.close();
    node.kill('SIGTERM');
    await once(node, 'exit');
  }
}

/** Has a process of its own write calls to the ledger, a reservation and a settlement each. */
export async function writeCalls(cell: LedgerCell): Promise<void> {
  const writer = fork(script('../ledger-writer.js'));
  writer.send(cell);
  await once(writer, 'exit');
}

/** CPU spent since: by this process, which folds, and by those it has started. Microseconds. */
export function cpuSince(before: CpuTimes): CpuTimes {
  const now = cpuTimes(process.pid);
  return {
    own: now.own - before.own,
    postgres: now.postgres - before.postgres,
    eventStore: now.eventStore - before.eventStore,
  };
}

export const cpuNote = ({ own, postgres, eventStore }: CpuTimes, events: number): string =>
  `CPU µs/event: node ${(own / events).toFixed(1)}, PostgreSQL ${(postgres / events).toFixed(1)}, store ${(eventStore / events).toFixed(1)}`;
