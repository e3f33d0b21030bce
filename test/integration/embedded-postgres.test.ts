import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { chooseAccount } from '../../src/embedded/postgres/account.js';
import { findBinaries } from '../../src/embedded/postgres/binaries.js';
import { openCluster } from '../../src/embedded/postgres/cluster.js';
import { launch } from '../../src/embedded/postgres/postmaster.js';
import { birthOf } from '../../src/embedded/postgres/running-process.js';
import { type Postgres, startPostgres } from '../../src/embedded/postgres/server.js';
import { beforeStop, createDatabase, serverProcesses } from '../support/postgres.js';

let dataDir: string;
const running = new Set<Postgres>();

async function start(log?: (line: string) => void): Promise<Postgres> {
  const postgres = await startPostgres(log ? { dataDir, log } : { dataDir });
  running.add(postgres);
  return postgres;
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query({ text, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

beforeEach(async () => {
  dataDir = join(await mkdtemp(join(tmpdir(), 'embedded-postgres-')), 'postgres');
});

afterEach(async () => {
  for (const postgres of running) await postgres.close();
  running.clear();
  await rm(join(dataDir, '..'), { recursive: true });
});

test('what was committed is there after a stop and a start, under the same password', async () => {
  const first = await start();
  await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await first.close();

  const second = await start();

  expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([42]);
  expect(new URL(second.url).password).toBe(new URL(first.url).password);
  expect(second.pid).not.toBe(first.pid);
});

test('it is PostgreSQL 18, durable, reachable from this machine only and with a password only', async () => {
  const { url } = await start();
  expect(await query(url, "SELECT current_setting('server_version_num')::int / 10000")).toEqual([18]);
  expect(
    await query(
      url,
      "SELECT current_setting(name) FROM unnest(ARRAY['fsync', 'synchronous_commit', 'full_page_writes']) AS name",
    ),
  ).toEqual(['on', 'on', 'on']);
  expect(await query(url, "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories')")).toEqual([
    '127.0.0.1',
    '',
  ]);

  const wrong = Object.assign(new URL(url), { password: 'guessed' }).href;
  await expect(query(wrong, 'SELECT 1')).rejects.toThrow('password authentication failed');
});

test('the password stands in one private file, in no command line and no log', async () => {
  const lines: string[] = [];
  const { url, pid, close } = await start((line) => lines.push(line));
  const { password } = new URL(url);

  const file = join(dataDir, 'cluster', 'password');
  expect((await readFile(file, 'utf8')).trim()).toBe(password);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await serverProcesses(pid)).filter(({ command }) => command.includes(password))).toEqual([]);

  await close();
  expect(lines).toContain('LOG:  database system is ready to accept connections');
  expect(lines.join('\n')).not.toContain(password);
});

test('close leaves no process, and may be called twice', async () => {
  const postgres = await start();
  const ours = await serverProcesses(postgres.pid);
  // The server, at least one of its own processes, the watchdog.
  expect(ours.length).toBeGreaterThanOrEqual(3);

  await Promise.all([postgres.close(), postgres.close()]);

  expect(await Promise.all(ours.map(({ pid }) => birthOf(pid)))).toEqual(ours.map(() => undefined));
  expect(await postgres.exited).toEqual({ asked: true, code: 0, signal: null });
});

test('a second start on a folder in use is refused and does not disturb the first', async () => {
  const { url } = await start();
  await expect(start()).rejects.toThrow(`${dataDir} is in use by process ${process.pid}`);
  expect(await query(url, 'SELECT 1')).toEqual([1]);
});

test('a deleted folder is a fresh cluster', async () => {
  const first = await start();
  await query(first.url, 'CREATE TABLE kept (answer int)');
  await first.close();
  await rm(dataDir, { recursive: true });

  const second = await start();

  expect(await query(second.url, "SELECT to_regclass('kept')")).toEqual([null]);
});

test('a killed server is reported, and a stale process id that now is another process stops nobody', async () => {
  const first = await start();
  await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  process.kill(first.pid, 'SIGKILL');
  expect(await first.exited).toEqual({ asked: false, code: null, signal: 'SIGKILL' });
  await first.close();

  const cluster = join(dataDir, 'cluster');
  const bystander = spawn('sleep', ['3600'], { ...(await chooseAccount(cluster)) });
  try {
    const pidFile = join(cluster, 'pgdata', 'postmaster.pid');
    const stale = await readFile(pidFile, 'utf8');
    await writeFile(pidFile, stale.replace(/^\d+/, String(bystander.pid)));

    const second = await start();

    expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([42]);
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
  } finally {
    bystander.kill('SIGKILL');
    await once(bystander, 'exit');
  }
});

test('an initdb that was cut short leaves no trace', async () => {
  await mkdir(join(dataDir, 'unfinished-1', 'pgdata', 'base'), { recursive: true });
  const { url } = await start();
  expect(await query(url, 'SELECT 1')).toEqual([1]);
  expect((await readdir(dataDir)).sort()).toEqual(['cluster', 'owner.json']);
});

test('a cluster of another PostgreSQL version is named, not touched', async () => {
  await (await start()).close();
  const version = join(dataDir, 'cluster', 'pgdata', 'PG_VERSION');
  await writeFile(version, '17\n');
  await expect(start()).rejects.toThrow('was made by PostgreSQL 17, and this is PostgreSQL 18');
  // The failed start does not hold the folder.
  await writeFile(version, '18\n');
  await start();
});

test('what initdb complains of is in the error', async () => {
  const folder = join(dataDir, '..', 'binaries');
  await mkdir(join(folder, 'bin'), { recursive: true });
  await mkdir(dataDir);
  await writeFile(join(folder, 'bin', 'initdb'), '#!/bin/sh\necho "no space left" >&2\nexit 1\n', { mode: 0o755 });
  const opened = openCluster({ dataDir, binaries: { folder, major: '18' }, account: {} });
  await expect(opened).rejects.toThrow(/initdb failed in .*: no space left \(exit code 1\)/);
});

test('a port that somebody else took is a refusal, so that another one is tried', async () => {
  await (await start()).close();
  const account = await chooseAccount(join(dataDir, 'cluster'));
  const cluster = await openCluster({ dataDir, binaries: await findBinaries(account, dataDir), account });
  const somebody = createServer().listen(0, '127.0.0.1');
  await once(somebody, 'listening');
  try {
    const { port } = somebody.address() as { port: number };
    expect(await launch({ cluster, port, stalePid: undefined, log: () => {} })).toMatchObject({ refusal: 'port_taken' });
  } finally {
    somebody.close();
  }
});

test('the tests of a file share a server and have databases of their own', async () => {
  const [one, other] = [await createDatabase(), await createDatabase()];
  const client = new Client({ connectionString: one });
  await client.connect();
  beforeStop(() => client.end());
  await client.query('CREATE TABLE mine (id int)');
  expect(new URL(other).port).toBe(new URL(one).port);
  expect(await query(other, "SELECT to_regclass('mine')")).toEqual([null]);
});
