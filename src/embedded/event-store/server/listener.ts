/**
 * One port for gRPC and plain HTTP, as EventStoreDB has it: a connection that begins with the preface of HTTP/2 is handed to
 * gRPC, any other to the HTTP/1.1 server. From then on the socket is theirs, so that looking at its beginning costs nothing later.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

export interface Tls {
  /** PEM; the chain, where there is one. */
  readonly certificate: string | Buffer;
  readonly privateKey: string | Buffer;
}

export interface Protocols {
  readonly http1: (socket: Socket) => void;
  readonly http2: (socket: Socket) => void;
}

export interface Listener {
  readonly port: number;
  /** Takes no more connections. */
  stop(): void;
  /** The same, and ends those that are left. */
  close(): Promise<void>;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** For the handshake of TLS, then from there to the preface of HTTP/2 or to the end of the HTTP/1.1 exchange. */
const STRANGER_MS_MAX = 10_000;
const CONNECTIONS_MAX = 10_000;

/** Rejects when the port is taken, or the certificate and its key are no pair. */
export async function listen(
  address: { readonly host: string; readonly port: number },
  tls: Tls | undefined,
  protocols: Protocols,
  strangerMs = STRANGER_MS_MAX,
): Promise<Listener> {
  const accept = (socket: Socket): void => dispatch(socket, protocols, strangerMs);
  const server = tls ? tlsServer(tls, accept, strangerMs) : createServer(accept);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.maxConnections = CONNECTIONS_MAX;
  await bound(server, address);
  const { port } = server.address() as { port: number };
  const closed = new Promise<void>((resolve) => {
    server.once('close', resolve);
  });
  const close = (): Promise<void> => {
    server.close();
    for (const socket of sockets) socket.destroy();
    return closed;
  };
  return { port, stop: () => void server.close(), close };
}

/**
 * Who offers HTTP/1.1 beside HTTP/2 gets HTTP/1.1: a gRPC client offers HTTP/2 alone, and only over HTTP/1.1 is there anything for
 * the others (`plain-http.ts`).
 */
function tlsServer({ certificate, privateKey }: Tls, accept: (socket: Socket) => void, handshakeTimeout: number): Server {
  const options = {
    cert: certificate,
    key: privateKey,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1', 'h2'],
    handshakeTimeout,
  } as const;
  try {
    return createTlsServer(options, accept);
  } catch (error) {
    throw new Error(`tls: the certificate and the private key cannot be used: ${(error as Error).message}`);
  }
}

function bound(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException): void =>
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`Port ${port} of ${host} is in use (EADDRINUSE). Stop its owner, or choose another.`)
          : error,
      );
    server.once('error', refuse);
    server.listen(port, host, () => {
      server.off('error', refuse);
      resolve();
    });
  });
}

/** Hands the connection on as soon as its first bytes tell which protocol it speaks, those bytes put back. */
function dispatch(socket: Socket, { http1, http2 }: Protocols, strangerMs: number): void {
  const deadline = setTimeout(() => socket.destroy(), strangerMs);
  socket.on('close', () => clearTimeout(deadline));
  socket.on('error', () => socket.destroy());
  let seen = Buffer.alloc(0);
  const look = (): void => {
    const bytes: Buffer | null = socket.read();
    if (!bytes) return;
    seen = Buffer.concat([seen, bytes]);
    const length = Math.min(seen.length, PREFACE.length);
    const isHttp2 = seen.subarray(0, length).equals(PREFACE.subarray(0, length));
    if (isHttp2 && length < PREFACE.length) return;
    socket.off('readable', look);
    socket.unshift(seen);
    if (isHttp2) {
      clearTimeout(deadline);
      http2(socket);
    } else http1(socket);
  };
  socket.on('readable', look);
}
