/** The commands of the event store, as a person or a job runs them: processes, exit statuses, and what they print. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { cleanUpAfterEach, type ForkedNode, forkNode } from '../support/event-store-node.js';
import { createCertificate, hasOpenssl } from '../support/tls-certificate.js';

const MAIN = fileURLToPath(new URL('../../dist/src/embedded/event-store/main.js', import.meta.url));

const { cleanups, newDirectory: newFolder, connect } = cleanUpAfterEach();

beforeAll(() => {
  execFileSync('npm', ['run', 'build'], { stdio: 'ignore' });
});
async function start(dataDir: string): Promise<ForkedNode> {
  const node = await forkNode(dataDir);
  cleanups.push(() => node.kill());
  return node;
}

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const event = (n: number) => jsonEvent({ type: 'Numbered', data: { n } });

async function idsIn(client: EventStoreDBClient): Promise<string[]> {
  const ids: string[] = [];
  for await (const { event } of client.readAll()) if (event) ids.push(event.id);
  return ids;
}

describe('backup and restore', () => {
  test('a backup under load is a prefix of the log with all that was acknowledged before; restored, it goes on', async () => {
    const folder = await newFolder();
    const dataDir = join(folder, 'data');
    const node = await start(dataDir);
    const client = connect(node);
    let isOver = false;
    let acknowledged = 0;
    let enough = (): void => {};
    const started = new Promise<void>((resolve) => {
      enough = resolve;
    });
    const worker = async (index: number): Promise<void> => {
      while (!isOver) {
        await client.appendToStream(`s-${index}`, [event(0), event(1), event(2)]);
        if (++acknowledged === 300) enough();
      }
    };
    const load = Promise.all(Array.from({ length: 16 }, (_, index) => worker(index)));
    await started;
    const before = await idsIn(client);
    const backup = spawn(process.execPath, [MAIN, 'backup', '--data-dir', dataDir, '--to', join(folder, 'b')]);
    const [status] = await once(backup, 'exit');
    isOver = true;
    await load;
    expect(status).toBe(0);
    const all = await idsIn(client);
    expect((await readdir(folder)).sort()).toEqual(['b', 'data']);

    const restored = run('restore', '--from', join(folder, 'b'), '--data-dir', join(folder, 'restored'));
    expect(restored).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/: \d+ events in 16 streams, up to position \d+\.\n$/),
    });
    const again = connect(await start(join(folder, 'restored')));
    const kept = await idsIn(again);
    expect(kept.slice(0, before.length)).toEqual(before);
    expect(kept).toEqual(all.slice(0, kept.length));
    expect(kept.length % 3).toBe(0);
    await again.appendToStream('s-0', event(3));
    expect(await idsIn(again)).toHaveLength(kept.length + 1);
  });

  test('of backups to one name at the same time, one is made', async () => {
    const folder = await newFolder();
    const dataDir = join(folder, 'data');
    await connect(await start(dataDir)).appendToStream('s', [event(0), event(1)]);
    const to = join(folder, 'b');
    const backups = Array.from({ length: 4 }, () => spawn(process.execPath, [MAIN, 'backup', '--data-dir', dataDir, '--to', to]));
    const statuses = (await Promise.all(backups.map((backup) => once(backup, 'exit')))).map(([status]) => status);
    expect(statuses.sort()).toEqual([0, 2, 2, 2]);
    expect(run('check', '--file', to)).toMatchObject({ status: 0, stdout: expect.stringContaining('2 events in 1 streams') });
    expect((await readdir(folder)).sort()).toEqual(['b', 'data']);
  });

  test('nothing is ever replaced, and what is no whole backup is not restored', async () => {
    const folder = await newFolder();
    const dataDir = join(folder, 'data');
    const node = await start(dataDir);
    await connect(node).appendToStream('s', event(0));
    const to = join(folder, 'b');
    expect(run('backup', '--data-dir', dataDir, '--to', to).status).toBe(0);
    expect(run('backup', '--data-dir', dataDir, '--to', to)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('exists already'),
    });
    expect(run('restore', '--from', to, '--data-dir', dataDir)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('in use by process'),
    });
    await node.stop();
    expect(run('restore', '--from', to, '--data-dir', dataDir)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('has an event store already'),
    });
    const bytes = await readFile(to);
    for (const [name, content] of Object.entries({
      empty: Buffer.alloc(0),
      foreign: Buffer.from('PK\x03\x04'),
      cut: bytes.subarray(0, 20_000),
    })) {
      const from = join(folder, name);
      await writeFile(from, content);
      const target = join(folder, `${name}-restored`);
      expect(run('restore', '--from', from, '--data-dir', target)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining(`${from} is no whole backup`),
      });
      expect((await readdir(target)).filter((name) => !name.startsWith('node.lock'))).toEqual([]);
    }
    expect(run('restore', '--from', join(folder, 'none'), '--data-dir', join(folder, 'x')).status).toBe(2);
    expect(run('backup', '--data-dir', join(folder, 'none'), '--to', join(folder, 'y'))).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('There is no event store in'),
    });
  });
});

describe('check', () => {
  test('says that all is well, while a node runs and afterwards, of a backup too', async () => {
    const folder = await newFolder();
    const dataDir = join(folder, 'data');
    const node = await start(dataDir);
    const client = connect(node);
    await client.appendToStream('a', [event(0), event(1)]);
    await client.appendToStream('b', event(0));
    await client.deleteStream('a');
    await client.tombstoneStream('b');
    await client.setStreamMetadata('limited', { maxCount: 1 });
    for (let n = 0; n < 5; n++) await client.appendToStream('limited', event(n));
    const well = { status: 0, stdout: 'All is well: 7 events in 5 streams, up to position 11.\n', stderr: '' };
    expect(run('check', '--data-dir', dataDir)).toEqual(well);
    expect(run('backup', '--data-dir', dataDir, '--to', join(folder, 'b')).status).toBe(0);
    expect(run('check', '--file', join(folder, 'b'))).toEqual(well);
    await node.stop();
    expect(run('check', '--data-dir', dataDir)).toEqual(well);
    expect(existsSync(join(folder, 'b-lock'))).toBe(false);
  });

  test('leaves the lock file of a node that is running, which tells the node who reads', async () => {
    const folder = await newFolder();
    await start(folder);
    const { ino } = await stat(join(folder, 'events.mdb-lock'));
    expect(run('check', '--file', join(folder, 'events.mdb')).status).toBe(0);
    expect((await stat(join(folder, 'events.mdb-lock'))).ino).toBe(ino);
  });

  test('leaves the lock file of a directory also where no node runs: one may start before the check ends', async () => {
    const folder = await newFolder();
    const dataDir = join(folder, 'data');
    const node = await start(dataDir);
    await node.stop();
    await rm(join(dataDir, 'events.mdb-lock'));
    expect(run('check', '--data-dir', dataDir).status).toBe(0);
    expect(existsSync(join(dataDir, 'events.mdb-lock'))).toBe(true);
  });

  test('does not call damaged what the system refuses', async () => {
    const folder = await newFolder();
    const { status, stdout } = run('check', '--file', folder);
    expect({ status, stdout }).toEqual({
      status: 1,
      stdout: expect.stringMatching(/^The event store file .+ cannot be opened: EISDIR.+\n$/),
    });
  });

  test('names what is not there', async () => {
    const folder = await newFolder();
    expect(run('check', '--data-dir', folder)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`There is no event store in ${folder}`),
    });
    expect(run('check', '--file', join(folder, 'f'))).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('There is no file'),
    });
    expect(run('check').status).toBe(2);
  });
});

describe('a node', () => {
  test.each([
    [['frobnicate'], 'There is no command frobnicate; there are backup, restore, check.'],
    [['--frobnicate'], '--frobnicate'],
    [[], '--data-dir is missing.'],
    [['--data-dir', 'x', '--port', 'http'], '--port must be a whole number from 0 to 65535.'],
    [['--data-dir', 'x', '--max-append-size', '0'], '--max-append-size must be a whole number'],
    [['--data-dir', 'x', '--certificate-file', 'c.pem'], '--certificate-private-key-file'],
    [['--data-dir', 'x', '--users-file', 'no-such-file'], '--users-file: ENOENT'],
  ])('asked wrongly, says so in one line and touches nothing: %j', async (args, line) => {
    const folder = await newFolder();
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { cwd: folder, encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(line);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(await readdir(folder)).toEqual([]);
  });

  test('names a directory that cannot be made', async () => {
    const file = join(await newFolder(), 'file');
    await writeFile(file, '');
    expect(run('--data-dir', file)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^The directory .+file cannot be made: EEXIST.+\n$/),
    });
  });

  test('tells its connection string to a person, and a port that is taken by name', async () => {
    const folder = await newFolder();
    const child = spawn(process.execPath, [MAIN, '--data-dir', join(folder, 'data'), '--port', '0']);
    cleanups.push(async () => {
      const exited = once(child, 'exit');
      child.kill('SIGINT');
      expect((await exited)[0]).toBe(0);
    });
    const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
    const [, connectionString = '', port = ''] =
      /^The event store is ready: (esdb:\/\/127\.0\.0\.1:(\d+)\?tls=false)\n$/.exec(line) ?? [];
    await connect({ connectionString }).appendToStream('s', event(0));
    expect(run('--data-dir', join(folder, 'other'), '--port', port)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(`Port ${port} of 127.0.0.1 is in use`),
    });
  });

  if (!hasOpenssl()) console.warn('SKIPPED, since openssl is not installed: users and a certificate from files');
  (hasOpenssl() ? test : test.skip)('takes users and a certificate from files, and never tells a password', async () => {
    const folder = await newFolder();
    await mkdir(join(folder, 'tls'));
    const { certificateFile } = createCertificate(join(folder, 'tls'));
    const files = { certificate: certificateFile, key: join(folder, 'tls', 'node.key'), users: join(folder, 'users') };
    const tls = [
      '--certificate-file',
      files.certificate,
      '--certificate-private-key-file',
      files.key,
      '--users-file',
      files.users,
    ];
    await writeFile(files.users, 'secret-without-a-name\n');
    const refused = run('--data-dir', join(folder, 'data'), ...tls);
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('line 1 is not name:password') });
    expect(refused.stderr).not.toContain('secret');

    await writeFile(files.users, '# who may\n\nada:with:colons\r\n');
    const node = await forkNode(join(folder, 'data'), 0, ...tls);
    cleanups.push(() => node.kill());
    const open = (user: string) =>
      connect({
        connectionString: `esdb://${user}127.0.0.1:${node.port}?tls=true&tlsCAFile=${encodeURIComponent(files.certificate)}`,
      });
    await open('ada:with%3Acolons@').appendToStream('s', event(0));
    await expect(open('').appendToStream('s', event(1))).rejects.toMatchObject({ type: 'access-denied' });
  });
});
