import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Cell, CellResult } from './load/cell.js';
import { descendants } from './process-facts.js';

const READY_WITHIN_MS = 60_000;
const STOPPED_WITHIN_MS = 15_000;

export interface ServerProcess {
  pid: number;
  port: number;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

/** A server that takes its PORT from the environment and answers GET /health/ready with 200 once it serves. */
export async function startServer(command: string[], env: Record<string, string>, logFile: string): Promise<ServerProcess> {
  const port = await freePort();
  const log = openSync(logFile, 'a');
  const [executable = '', ...args] = command;
  const child = spawn(executable, args, { env: { ...process.env, ...env, PORT: String(port) }, stdio: ['ignore', log, log] });
  running.add(child);
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${command.join(' ')}`);
  const server = { pid, port, stop: () => stop(child, pid) };
  for (let waitedMs = 0; !(await isReady(port)); waitedMs += 50) {
    if (child.exitCode !== null || waitedMs > READY_WITHIN_MS) {
      await server.stop();
      throw new Error(`${command.join(' ')} did not become ready:\n${readFileSync(logFile, 'utf8').slice(-2000)}`);
    }
    await delay(50);
  }
  return server;
}

async function stop(child: ChildProcess, pid: number): Promise<void> {
  const family = descendants(pid);
  const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve();
  child.kill('SIGTERM');
  await Promise.race([ended, delay(STOPPED_WITHIN_MS, undefined, { ref: false })]);
  child.kill('SIGKILL');
  running.delete(child);
  // What outlived its parent would keep the data folder and a core busy during the next measurement.
  for (const orphan of family) if (isAlive(orphan)) process.kill(orphan, 'SIGKILL');
}

export interface Upstream {
  port: number;
  stop(): void;
}

export async function startUpstream(): Promise<Upstream> {
  const child = forkModule('./upstream/main.js');
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return { port, stop: () => release(child) };
}

export interface LoadGenerator {
  run(cell: Cell): Promise<CellResult>;
  stop(): void;
}

/** One generator serves the whole run: a fresh one would measure its own warm-up. */
export function startLoadGenerator(): LoadGenerator {
  const child = forkModule('./load/main.js');
  return {
    async run(cell) {
      child.send(cell);
      const [result] = (await once(child, 'message')) as [CellResult];
      return result;
    },
    stop: () => release(child),
  };
}

function forkModule(path: string): ChildProcess {
  const child = fork(fileURLToPath(new URL(path, import.meta.url)));
  running.add(child);
  child.once('exit', () => {
    if (running.has(child)) throw new Error(`${path} ended before the run did`);
  });
  return child;
}

function release(child: ChildProcess): void {
  running.delete(child);
  child.disconnect();
}

async function isReady(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined);
  await answer?.body?.cancel();
  return answer?.status === 200;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Below the range that systems hand out by themselves, which the servers that a server starts are given ports from. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const probe = createServer().listen(port, '127.0.0.1');
    const taken = await Promise.race([once(probe, 'listening').then(() => false), once(probe, 'error').then(() => true)]);
    if (taken) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}
