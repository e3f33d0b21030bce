import { connect, createServer, type Socket } from 'node:net';
import { later } from '../support/processes.js';

export interface Forwarder {
  readonly port: number;
  /** Cuts all connections. What PostgreSQL says when a new one stands is held back, and passed on at its end with all it said. */
  cutAndHold(): void;
  /** Resolves when a connection is held. */
  readonly held: Promise<void>;
  /** Holds nothing back any more. */
  letGo(): void;
}

/** PostgreSQL's ReadyForQuery, the end of what opens a connection. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5]);

/** One address for a server that comes back on another port. */
export async function startForwarder(port: () => number): Promise<Forwarder> {
  const sockets = new Set<Socket>();
  let holding = false;
  let hold!: () => void;
  const held = new Promise<void>((resolve) => {
    hold = resolve;
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((client) => {
    const backend = connect(port(), '127.0.0.1');
    let kept: Buffer[] | undefined;
    for (const [from, to] of [
      [client, backend],
      [backend, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        if (from === backend && kept) client.end(Buffer.concat(kept));
        else to.destroy();
      });
    }
    client.pipe(backend);
    backend.on('data', (said: Buffer) => {
      if (!kept && holding && said.includes(READY)) {
        kept = [];
        hold();
      }
      if (kept) kept.push(said);
      else client.write(said);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  later(server, async () => {
    cut();
    await new Promise((closed) => server.close(closed));
  });
  return {
    port: (server.address() as { port: number }).port,
    held,
    cutAndHold: () => {
      holding = true;
      cut();
    },
    letGo: () => {
      holding = false;
    },
  };
}
