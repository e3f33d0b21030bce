import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DataSource } from 'typeorm';
import { EventStore } from '../../../src/event-store/event-store.js';
import { openDatabase } from '../database.js';
import type { AnyProjectionDefinition } from '../stored-projection.js';
import { WrongUsage } from './usage.js';

export interface ConnectionOptions {
  readonly eventStore: string | undefined;
  readonly database: string | undefined;
  readonly dataDir: string | undefined;
}

/** The embedded servers of a data directory, as the program's own modules find and start them. */
export interface EmbeddedServers {
  /** The address of the event store that runs on a directory; undefined where none does. */
  findEventStoreProcess(directory: string): Promise<string | undefined>;
  startEmbeddedServers(
    configured: {
      readonly eventStoreUrl: string | undefined;
      readonly databaseUrl: string | undefined;
      readonly dataDir: string;
    },
    log: (line: string) => void,
  ): Promise<{ readonly eventStoreUrl: string; readonly databaseUrl: string; close(): Promise<void> }>;
}

export interface Connection {
  readonly store: EventStore;
  readonly dataSource: DataSource;
  close(): Promise<void>;
}

/**
 * The ledger and the read models that a command is about: those that are named, else the embedded servers that run on the data
 * directory, else started on it for as long as the command runs.
 * @throws WrongUsage where there are none; Error where they cannot be reached
 */
export async function connect(
  { eventStore, database, dataDir }: ConnectionOptions,
  embedded: EmbeddedServers,
  definitions: readonly AnyProjectionDefinition[],
): Promise<Connection> {
  const fromEnvironment = (name: string) => (dataDir === undefined ? process.env[name] || undefined : undefined);
  const directory = resolve(dataDir ?? (process.env['DATA_DIR'] || './data'));
  const namedStore = eventStore ?? fromEnvironment('EVENTSTORE_URL');
  const namedDatabase = database ?? fromEnvironment('DATABASE_URL');
  const storeDirectory = join(directory, 'event-store');
  const postgresDirectory = join(directory, 'postgres');
  if (namedStore === undefined && !existsSync(join(storeDirectory, 'events.mdb')))
    throw new WrongUsage(
      `There is no ledger in ${storeDirectory}. Name a store with --event-store, or a directory with --data-dir.`,
    );
  if (namedDatabase === undefined && !existsSync(join(postgresDirectory, 'cluster')))
    throw new WrongUsage(
      `There is no database in ${postgresDirectory}. Name one with --database, or a directory with --data-dir.`,
    );
  const servers = await embedded.startEmbeddedServers(
    {
      eventStoreUrl: namedStore ?? (await embedded.findEventStoreProcess(storeDirectory)),
      databaseUrl: namedDatabase ?? findPostgres(postgresDirectory),
      dataDir: directory,
    },
    () => undefined,
  );
  return open(servers, definitions).catch(async (error) => {
    await servers.close();
    throw error;
  });
}

async function open(
  servers: Awaited<ReturnType<EmbeddedServers['startEmbeddedServers']>>,
  definitions: readonly AnyProjectionDefinition[],
): Promise<Connection> {
  const store = new EventStore(servers.eventStoreUrl);
  if (!(await store.isReachable())) {
    await store.close();
    throw new Error(`The event store at ${withoutSecrets(servers.eventStoreUrl)} does not answer.`);
  }
  // Comparing and swapping large tables takes its time.
  const dataSource = await openDatabase(servers.databaseUrl, definitions, { queryTimeoutMs: 0 }).catch(async (error: Error) => {
    await store.close();
    throw new Error(`The database at ${withoutSecrets(servers.databaseUrl)} cannot be used: ${error.message}`);
  });
  const close = async () => {
    await dataSource.destroy();
    await store.close();
    await servers.close();
  };
  return { store, dataSource, close };
}

const withoutSecrets = (address: string): string => address.replace(/\/\/[^/@]*@/, '//');

/** The URL of the embedded PostgreSQL that runs on a directory; undefined where none does. */
function findPostgres(directory: string): string | undefined {
  try {
    const [pid, , , port] = readFileSync(join(directory, 'cluster', 'pgdata', 'postmaster.pid'), 'utf8').split('\n');
    // The file of a server that was killed stays behind.
    process.kill(Number(pid), 0);
    const password = readFileSync(join(directory, 'cluster', 'password'), 'utf8').trim();
    return `postgres://postgres:${password}@127.0.0.1:${Number(port)}/postgres`;
  } catch {
    return undefined;
  }
}
