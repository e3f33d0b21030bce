import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findEventStoreProcess, startEventStoreProcess } from '../../embedded/event-store-process.js';
import { EventStore } from '../../event-store/event-store.js';
import { WrongUsage } from './usage.js';

export interface ConnectionOptions {
  /** `esdb://…`, as stated on the command line. */
  readonly eventStore: string | undefined;
  readonly dataDir: string | undefined;
}

export interface Connection {
  readonly store: EventStore;
  /** Its connection string. */
  readonly address: string;
  close(): Promise<void>;
}

export const dataDirOf = (stated: string | undefined): string => resolve(stated ?? (process.env['DATA_DIR'] || './data'));

/**
 * The ledger that a command is about: the store that is named, else the embedded node that runs on the data directory, else one
 * started on it for as long as the command runs. The command only reads.
 * @throws WrongUsage where there is no ledger; Error where it cannot be reached
 */
export async function connect({ eventStore, dataDir }: ConnectionOptions): Promise<Connection> {
  const named = eventStore ?? (dataDir === undefined ? process.env['EVENTSTORE_URL'] || undefined : undefined);
  if (named !== undefined) return open(named);
  const directory = join(dataDirOf(dataDir), 'event-store');
  if (!existsSync(join(directory, 'events.mdb'))) {
    throw new WrongUsage(`There is no ledger in ${directory}. Name a store with --event-store, or a directory with --data-dir.`);
  }
  const running = await findEventStoreProcess(directory);
  if (running !== undefined) return open(running);
  const started = await startEventStoreProcess(directory, () => undefined);
  return open(started.connectionString, () => started.close());
}

async function open(address: string, andClose: () => Promise<void> = async () => undefined): Promise<Connection> {
  const store = new EventStore(address);
  const close = async () => {
    await store.close();
    await andClose();
  };
  if (await store.isReachable()) return { store, address, close };
  await close();
  // Shown without user and password.
  throw new Error(`The event store at ${address.replace(/\/\/[^/@]*@/, '//')} does not answer.`);
}
