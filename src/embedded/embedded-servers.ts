import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startEventStoreProcess } from './event-store-process.js';
import { startPostgres } from './postgres/server.js';

export interface Servers {
  readonly eventStoreUrl: string;
  readonly databaseUrl: string;
  /** Stops what was started here; to be called when nothing uses it any more. */
  close(): Promise<void>;
}

const DATA_DIR_MODE = 0o700;

/** Starts the servers that the configuration does not name, both at once, keeping everything under the data directory. */
export async function startEmbeddedServers(
  configured: { readonly eventStoreUrl: string | undefined; readonly databaseUrl: string | undefined; readonly dataDir: string },
  log: (line: string) => void,
): Promise<Servers> {
  const { eventStoreUrl, databaseUrl, dataDir } = configured;
  await mkdir(dataDir, { recursive: true, mode: DATA_DIR_MODE });
  const starting = [
    eventStoreUrl === undefined ? startEventStoreProcess(join(dataDir, 'event-store'), log) : undefined,
    databaseUrl === undefined ? startPostgres({ dataDir: join(dataDir, 'postgres'), log }) : undefined,
  ] as const;
  const [eventStore, postgres] = await Promise.allSettled(starting);
  const close = async () => {
    if (postgres.status === 'fulfilled') await postgres.value?.close();
    if (eventStore.status === 'fulfilled') await eventStore.value?.close();
  };
  for (const started of [eventStore, postgres]) {
    if (started.status === 'fulfilled') continue;
    await close();
    throw started.reason;
  }
  const startedStore = (eventStore as PromiseFulfilledResult<Awaited<(typeof starting)[0]>>).value;
  const startedPostgres = (postgres as PromiseFulfilledResult<Awaited<(typeof starting)[1]>>).value;
  void startedPostgres?.exited.then(({ asked, code, signal }) => {
    if (!asked) log(`the embedded PostgreSQL ended by itself (${signal ?? `status ${code}`}); restart this program`);
  });
  return {
    eventStoreUrl: eventStoreUrl ?? (startedStore?.connectionString as string),
    databaseUrl: databaseUrl ?? (startedPostgres?.url as string),
    close,
  };
}
