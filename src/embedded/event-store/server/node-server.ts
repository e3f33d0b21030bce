/** The node as clients meet it: the gRPC services and what is asked over plain HTTP on one port, with what a client may cost at most. */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { EventLog } from '../log/event-log.js';
import { requireCredentials, type Users } from './credentials.js';
import { addServices, OPEN_PATHS, STREAMING_PATHS } from './grpc-services.js';
import { incomingRequests } from './incoming-requests.js';
import { listen, type Tls } from './listener.js';
import { plainHttpServer } from './plain-http.js';
import { RequestMemory } from './request-memory.js';
import { MESSAGE_BYTES_MAX, NODE_CLOSING } from './response-stream.js';
import { writeAhead } from './write-ahead.js';

export interface NodeServerOptions {
  readonly host: string;
  readonly port: number;
  readonly maxAppendSize: number;
  readonly tls: Tls | undefined;
  readonly users: Users | undefined;
}

export interface NodeServer {
  readonly port: number;
  /** Stops the log, answers what it has taken, and ends every call as UNAVAILABLE and every connection. */
  close(): Promise<void>;
}

/** On one connection: every subscription of a client is a stream of its own. */
const STREAMS_MAX = 10_000;
/** As EventStoreDB does by default: a client that is gone without a word is noticed, and its subscriptions with it. */
const KEEPALIVE_MS = 10_000;
/** A client that does not read cannot take its status either; it loses the connection instead. */
const CLOSING_MS_MAX = 1_000;

export async function startNodeServer(log: EventLog, options: NodeServerOptions): Promise<NodeServer> {
  const { host, port, maxAppendSize, tls, users } = options;
  const memory = new RequestMemory();
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_concurrent_streams': STREAMS_MAX,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_MS,
    interceptors: [
      incomingRequests(memory),
      ...(users ? [requireCredentials(users, OPEN_PATHS)] : []),
      writeAhead(STREAMING_PATHS),
    ],
  });
  const { responses } = addServices(server, log, { maxAppendSize, memory });
  const grpc = server.createConnectionInjector(ServerCredentials.createInsecure());
  let isClosing = false;
  const plainHttp = plainHttpServer(() => !isClosing && !log.isStopped);
  const listener = await listen({ host, port }, tls, {
    http1: (socket) => plainHttp.emit('connection', socket),
    http2: (socket) => (isClosing ? socket.destroy() : grpc.injectConnection(socket)),
  });
  // Who comes now is to find the port closed, as it is when the node is gone: a client that were let in and cut off would take longer to
  // find the next node. A health check that has its connection already is told.
  const close = async (): Promise<void> => {
    isClosing = true;
    listener.stop();
    const stopped = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    await log.stop();
    for (const response of [...responses]) response.fail(NODE_CLOSING);
    const timer = setTimeout(() => server.forceShutdown(), CLOSING_MS_MAX);
    await stopped;
    clearTimeout(timer);
    await listener.close();
  };
  return { port: listener.port, close };
}
