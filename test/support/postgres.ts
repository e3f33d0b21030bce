import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll } from '@jest/globals';
import { Client } from 'pg';
import { startPostgres } from '../../src/embedded/postgres/server.js';

/**
 * A real PostgreSQL for the tests of one file, started with the first database that is asked for. Importing this module registers
 * an `afterAll`, which Jest runs before those of the file itself: hand what holds connections to `beforeStop`.
 */
let started: ReturnType<typeof start> | undefined;
const closings: (() => Promise<unknown>)[] = [];

/** The URL of a fresh database; its server ends with the file's tests, and all of it goes. */
export async function createDatabase(): Promise<string> {
  started ??= start();
  const { url } = await started;
  const name = `test_${randomBytes(6).toString('hex')}`;
  await administer(url, `CREATE DATABASE ${name}`);
  return Object.assign(new URL(url), { pathname: `/${name}` }).href;
}

/** Closes a pool, an application, a queue, last opened first, while the server still runs. */
export function beforeStop(close: () => Promise<unknown>): void {
  closings.push(close);
}

/** What runs for the server with this process id: itself, the processes it started, its watchdog. */
export async function serverProcesses(server: number): Promise<{ pid: number; group: number; command: string }[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'pid=,ppid=,pgid=,args=']);
  const all = [...stdout.matchAll(/^ *(\d+) +(\d+) +(\d+) (.*)$/gm)].map(([, pid, parent, group, command = '']) => ({
    pid: Number(pid),
    parent: Number(parent),
    group: Number(group),
    command,
  }));
  return all.filter(
    ({ pid, parent, command }) => pid === server || parent === server || command.endsWith(`postgres-watchdog ${server}`),
  );
}

afterAll(async () => {
  if (!started) return;
  const { stop } = await started;
  try {
    for (const close of closings.reverse()) await close();
  } finally {
    await stop();
  }
});

async function start() {
  const dataDir = await mkdtemp(join(tmpdir(), 'test-postgres-'));
  const server = await startPostgres({ dataDir });
  const stop = async () => {
    await server.close();
    await rm(dataDir, { recursive: true });
  };
  return { url: server.url, stop };
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}
