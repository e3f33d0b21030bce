/** An event store node: the EventStoreDB protocol over an LMDB file. */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { lockDataDirectory } from './log/data-directory-lock.js';
import { EventLog } from './log/event-log.js';
import { addServices, READ_PATH } from './server/grpc-services.js';
import { NODE_CLOSING } from './server/response-stream.js';
import { writeAhead } from './server/write-ahead.js';
import { APPEND_SIZE_MAX } from './streams/append-limits.js';

export interface EventStoreNodeOptions {
  readonly dataDir: string;
  /** 127.0.0.1 unless given. */
  readonly host?: string;
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** Bytes; 1 MiB unless given. */
  readonly maxAppendSize?: number;
}

export interface EventStoreNode {
  readonly port: number;
  readonly connectionString: string;
  /** Answers the appends it has taken, ends every subscription as UNAVAILABLE, and closes the file. */
  close(): Promise<void>;
}

/** Clients send an append in messages of 3 MiB plus one event. */
const MESSAGE_BYTES_MAX = 17 * 1024 * 1024;
/** A client that does not read cannot take its status either; it loses the connection instead. */
const CLOSING_MS_MAX = 1_000;

/** Rejects when another process owns the directory, the file is damaged, or the port is taken. */
export async function startEventStoreNode(options: EventStoreNodeOptions): Promise<EventStoreNode> {
  const { dataDir, host = '127.0.0.1', maxAppendSize = APPEND_SIZE_MAX } = options;
  const unlock = lockDataDirectory(dataDir);
  let log: EventLog | undefined;
  try {
    log = await EventLog.open(dataDir);
    const server = new Server({
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
      interceptors: [writeAhead([READ_PATH])],
    });
    let port = 0;
    const services = addServices(server, log, { maxAppendSize, address: () => ({ host, port }) });
    port = await bind(server, `${host}:${options.port ?? 0}`);
    const close = closeOnce(server, log, services.responses, unlock);
    return { port, connectionString: `esdb://${host}:${port}?tls=false`, close };
  } catch (error) {
    await log?.close();
    unlock();
    throw error;
  }
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port)));
  });
}

function closeOnce(
  server: Server,
  log: EventLog,
  responses: ReadonlySet<{ fail(error: typeof NODE_CLOSING): void }>,
  unlock: () => void,
): () => Promise<void> {
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const stopped = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    await log.stop();
    for (const response of [...responses]) response.fail(NODE_CLOSING);
    const timer = setTimeout(() => server.forceShutdown(), CLOSING_MS_MAX);
    await stopped;
    clearTimeout(timer);
    await log.close();
    unlock();
  };
  return () => (closing ??= close());
}
