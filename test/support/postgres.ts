import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
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
  const { url, stop } = await started;
  try {
    for (const close of closings.reverse()) await close();
    await connectionsEnded(url);
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

/** Some end a moment after their owner has said so: cut off, they would complain. Those that never end are not waited for. */
async function connectionsEnded(url: string): Promise<void> {
  const others = "SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
  for (let tries = 0; tries < 50 && (await administer(url, others)) > 0; tries++) await delay(20);
}

/** @returns how many rows were answered */
async function administer(url: string, statement: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rowCount } = await client.query(statement).finally(() => client.end());
  return rowCount ?? 0;
}
