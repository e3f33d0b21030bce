/** One node per data directory: whose lock counts, and what is given back. Processes that are killed: test/faults/event-store-node. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { jsonEvent } from '@eventstore/db-client';
import { expect, test } from '@jest/globals';
import { ownerOf } from '../../src/embedded/event-store/log/data-directory-lock.js';
import { type EventStoreNode, startEventStoreNode } from '../../src/embedded/event-store/node.js';
import { cleanUpAfterEach } from '../support/event-store-node.js';

const { cleanups, newDirectory, connect } = cleanUpAfterEach();

async function start(dataDir: string): Promise<EventStoreNode> {
  const node = await startEventStoreNode({ dataDir });
  cleanups.push(() => node.close());
  return node;
}

test('a directory has one node at a time, and gets free when that closes', async () => {
  const dataDir = await newDirectory();
  const node = await start(dataDir);
  await expect(startEventStoreNode({ dataDir })).rejects.toThrow(`in use by process ${process.pid}`);
  await connect(node).appendToStream('s', jsonEvent({ type: 'Here', data: {} }));
  await node.close();
  await (await start(dataDir)).close();
});

test.each(['node.lock', 'node.lock.99'])(
  'the lock of a process that is gone, or of another one with its id, is taken over: %s',
  async (name) => {
    for (const owner of ['4194305 unknown\n', `${process.pid} ${randomUUID()}:1\n`, '0 unknown\n', '-1 unknown\n', '']) {
      const dataDir = await newDirectory();
      await writeFile(join(dataDir, name), owner);
      await start(dataDir);
      expect(await ownerOf(dataDir)).toBe(process.pid);
    }
  },
);

test('what only has the name of a lock keeps no node from its directory', async () => {
  const dataDir = await newDirectory();
  await mkdir(join(dataDir, 'node.lock.1'));
  await writeFile(join(dataDir, 'node.lock.999999999999999'), `${process.pid} unknown\n`);
  await (await start(dataDir)).close();
  await (await start(dataDir)).close();
});

test('a node gives back the directory that it took, not the one that is in its place by now', async () => {
  const parent = await newDirectory();
  const [place, elsewhere] = [join(parent, 'place'), join(parent, 'elsewhere')];
  const first = await start(place);
  await rename(place, elsewhere);
  const second = await start(place);
  await first.close();
  expect(await ownerOf(elsewhere)).toBeUndefined();
  expect(await ownerOf(place)).toBe(process.pid);
  await rename(place, join(parent, 'away'));
  await second.close();
  expect(await ownerOf(join(parent, 'away'))).toBeUndefined();
});

const onLinux = process.platform === 'linux' ? test : test.skip;
onLinux('a process that comes too late with its lock keeps its door, by which the next one will be known', async () => {
  const dataDir = await newDirectory();
  const doors = [1, 2].map(() => `node.lock.${randomUUID()}.door`);
  const [late = '', gone = ''] = doors;
  const server = createServer().listen(join(dataDir, late));
  cleanups.push(() => server.close());
  await once(server, 'listening');
  await writeFile(join(dataDir, gone), '');
  for (const [index, door] of doors.entries()) await writeFile(join(dataDir, `node.lock.${index + 1}`), `1 unknown ${door}\n`);
  await writeFile(join(dataDir, 'node.lock.3'), '');
  await start(dataDir);
  const left = await readdir(dataDir);
  expect(left.filter((name) => name.startsWith('node.lock.') && !name.endsWith('.door'))).toEqual(['node.lock.4']);
  expect(left).toContain(late);
  expect(left).not.toContain(gone);
});

onLinux('where nobody can say whether a directory is in use, the start says why', async () => {
  const dataDir = await newDirectory();
  const door = `node.lock.${randomUUID()}.door`;
  await symlink(door, join(dataDir, door));
  await writeFile(join(dataDir, 'node.lock.1'), `1 unknown ${door}\n`);
  await expect(startEventStoreNode({ dataDir })).rejects.toThrow(/Whether another process uses .+ cannot be told, .+ELOOP/);
});
