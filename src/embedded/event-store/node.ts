/** An event store node: the EventStoreDB protocol over an LMDB file. */
import { lockDataDirectory } from './log/data-directory-lock.js';
import { EventLog } from './log/event-log.js';
import { startStandardProjections } from './log/standard-projections.js';
import type { Users } from './server/credentials.js';
import type { Tls } from './server/listener.js';
import { startNodeServer } from './server/node-server.js';
import { APPEND_SIZE_MAX } from './streams/append-limits.js';

export interface EventStoreNodeOptions {
  readonly dataDir: string;
  /** 127.0.0.1 unless given. */
  readonly host?: string;
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** Bytes; 1 MiB unless given. */
  readonly maxAppendSize?: number;
  /** Without, connections are plain, and so the loopback alone is a place for the node. */
  readonly tls?: Tls;
  /** Password by name. Without, everybody is let in and credentials are ignored, as an insecure EventStoreDB does. Needs `tls`. */
  readonly users?: Users;
  /** Bytes of the disk that are left free: with less, appends are refused as UNAVAILABLE. 64 MiB unless given. */
  readonly freeBytesMin?: number;
  /** Keeps `$ce-…`, `$et-…` and `$streams`, as EventStoreDB does when it runs its standard projections. */
  readonly standardProjections?: boolean;
}

export interface EventStoreNode {
  readonly port: number;
  /** Without credentials. */
  readonly connectionString: string;
  /** Answers the appends it has taken, ends every subscription as UNAVAILABLE, and closes the file. */
  close(): Promise<void>;
}

/** Rejects when another process owns the directory, the file is damaged, the port is taken, or an option cannot be used. */
export async function startEventStoreNode(options: EventStoreNodeOptions): Promise<EventStoreNode> {
  const { dataDir, host = '127.0.0.1', port = 0, maxAppendSize = APPEND_SIZE_MAX, tls, users } = options;
  if (users && !tls)
    throw new Error('users: clients show credentials over TLS only. Give tls a certificate, or leave users out.');
  const unlock = await lockDataDirectory(dataDir);
  let log: EventLog | undefined;
  try {
    log = await EventLog.open(dataDir, options.freeBytesMin);
    if (options.standardProjections) startStandardProjections(log);
    const server = await startNodeServer(log, { host, port, maxAppendSize, tls, users });
    const authority = host.includes(':') ? `[${host}]` : host;
    const connectionString = `esdb://${authority}:${server.port}?tls=${tls !== undefined}`;
    return { port: server.port, connectionString, close: closeOnce(server, log, unlock) };
  } catch (error) {
    await log?.close();
    unlock();
    throw error;
  }
}

function closeOnce(server: { close(): Promise<void> }, log: EventLog, unlock: () => void): () => Promise<void> {
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await server.close();
    await log.close();
    unlock();
  };
  return () => (closing ??= close());
}
