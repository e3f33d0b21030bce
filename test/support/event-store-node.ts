/** Event store nodes for tests: one in this process, or one in a process of its own that can be killed. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EventStoreDBClient } from '@eventstore/db-client';
import { afterEach } from '@jest/globals';
import { type EventStoreNode, type EventStoreNodeOptions, startEventStoreNode } from '../../src/embedded/event-store/node.js';

const MAIN = fileURLToPath(new URL('../../dist/src/embedded/event-store/main.js', import.meta.url));

export interface TemporaryNode extends EventStoreNode {
  readonly dataDir: string;
  /** Closes the node and removes its directory. */
  dispose(): Promise<void>;
}

export function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'event-store-node-'));
}

export async function startTemporaryNode(options: Omit<EventStoreNodeOptions, 'dataDir'> = {}): Promise<TemporaryNode> {
  const dataDir = await temporaryDirectory();
  const node = await startEventStoreNode({ ...options, dataDir });
  const dispose = async (): Promise<void> => {
    await node.close();
    await rm(dataDir, { recursive: true });
  };
  return { ...node, dataDir, dispose };
}

export interface Cleanups {
  /** To be done after the test, the last first. */
  readonly cleanups: (() => unknown)[];
  newDirectory(): Promise<string>;
  connect(node: { readonly connectionString: string }): EventStoreDBClient;
}

/** To be called at the top of a test file: what a test opens is closed after it. */
export function cleanUpAfterEach(): Cleanups {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  return {
    cleanups,
    async newDirectory() {
      const directory = await temporaryDirectory();
      cleanups.push(() => rm(directory, { recursive: true }));
      return directory;
    },
    connect({ connectionString }) {
      const client = EventStoreDBClient.connectionString(connectionString);
      cleanups.push(() => client.dispose());
      return client;
    },
  };
}

export interface ForkedNode {
  readonly process: ChildProcess;
  readonly port: number;
  readonly connectionString: string;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** Needs `npm run build`. Rejects with what the process wrote to stderr if it ends before it is ready. */
export async function forkNode(dataDir: string, port = 0, ...options: string[]): Promise<ForkedNode> {
  const child = fork(MAIN, ['--data-dir', dataDir, '--port', String(port), ...options], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const exited = once(child, 'exit');
  const ready = once(child, 'message');
  const isReady = await Promise.race([ready.then(() => true), once(child, 'close').then(() => false)]);
  if (!isReady) throw new Error(stderr.trim() || `It ended without a word: ${child.signalCode ?? `status ${child.exitCode}`}.`);
  const [message] = (await ready) as [{ port: number }];
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return (await exited)[0] as number | null;
  };
  return {
    process: child,
    port: message.port,
    connectionString: `esdb://127.0.0.1:${message.port}?tls=false`,
    kill: async () => {
      await end('SIGKILL');
    },
    stop: () => end('SIGTERM'),
  };
}
