/** What only a node of our own promises: how it starts, stops and refuses. */
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  BACKWARDS,
  END,
  eventTypeFilter,
  FORWARDS,
  jsonEvent,
  MaxAppendSizeExceededError,
  NO_STREAM,
  type Position,
  START,
  StreamDeletedError,
  StreamNotFoundError,
  UnavailableError,
} from '@eventstore/db-client';
import { expect, test } from '@jest/globals';
import { ownerOf } from '../../src/embedded/event-store/log/data-directory-lock.js';
import { encodeBlock } from '../../src/embedded/event-store/log/event-block.js';
import { openTables, openTablesToRead, positionKey, revisionKey } from '../../src/embedded/event-store/log/event-tables.js';
import { verifyLog } from '../../src/embedded/event-store/log/verify-log.js';
import { type EventStoreNode, startEventStoreNode } from '../../src/embedded/event-store/node.js';
import { cleanUpAfterEach } from '../support/event-store-node.js';

const { cleanups, newDirectory, connect } = cleanUpAfterEach();

async function start(dataDir: string, options = {}): Promise<EventStoreNode> {
  const node = await startEventStoreNode({ dataDir, ...options });
  cleanups.push(() => node.close());
  return node;
}

const event = (n = 0) => jsonEvent({ type: 'Numbered', data: { n } });

test('an empty node is empty, and a subscription to it waits', async () => {
  const client = connect(await start(await newDirectory()));
  for await (const resolved of client.readAll()) throw new Error(`unexpected event ${resolved.commitPosition}`);
  const subscription = client.subscribeToAll({ fromPosition: START });
  const caughtUp = once(subscription, 'caughtUp');
  const first = once(subscription, 'data');
  await caughtUp;
  await client.appendToStream('s', event(1));
  expect((await first)[0].event.streamId).toBe('s');
  await subscription.unsubscribe();
});

test('positions, revisions and the ids of an append to any revision are known after a restart', async () => {
  const dataDir = await newDirectory();
  const events = [event(0), event(1)];
  const first = await start(dataDir);
  const before = await connect(first).appendToStream('s', events);
  await first.close();
  const client = connect(await start(dataDir));
  expect(await client.appendToStream('s', events)).toEqual(before);
  const next = await client.appendToStream('s', event(2), { expectedRevision: 1n });
  expect(next.nextExpectedRevision).toBe(2n);
  expect((next.position as Position).commit).toBeGreaterThan((before.position as Position).commit);
  const other = await client.appendToStream('other', event(3), { expectedRevision: NO_STREAM });
  expect((other.position as Position).commit).toBeGreaterThan((next.position as Position).commit);
});

test('what $maxCount supersedes leaves the file, and the log is whole without it, also after a restart', async () => {
  const dataDir = await newDirectory();
  const file = join(dataDir, 'events.mdb');
  const first = await start(dataDir);
  const client = connect(first);
  await client.setStreamMetadata('kept', { maxCount: 1 });
  const text = 'x'.repeat(50_000);
  let position = 0n;
  for (let n = 0; n < 200; n++) {
    const appended = await client.appendToStream('kept', jsonEvent({ type: 'Large', data: { n, text } }));
    await client.appendToStream('other', event(n));
    position = (appended.position as Position).commit;
  }
  await client.dispose();
  await first.close();
  // 10 MB were written.
  expect((await stat(file)).size).toBeLessThan(3_000_000);
  const tables = openTables(file);
  verifyLog(tables);
  await tables.root.transaction(() => {
    const lost = [...tables.events.getKeys({ start: positionKey(100), limit: 1 })][0] as Buffer;
    tables.events.removeSync(Buffer.from(lost));
  });
  expect(() => verifyLog(tables)).toThrow('200 events are missing, of which 199 were removed');
  await tables.root.close();

  const again = connect(await start(dataDir));
  const last = await again.appendToStream('kept', event(200), { expectedRevision: 199n });
  expect((last.position as Position).commit).toBe(position + 2n);
  const kept: unknown[] = [];
  for await (const { event: stored } of again.readStream('kept')) kept.push([stored?.revision, stored?.data]);
  expect(kept).toEqual([[200n, { n: 200 }]]);
});

test('closing ends subscriptions as unavailable, answers what was appended, and may be asked twice', async () => {
  const node = await start(await newDirectory());
  const client = connect(node);
  const subscription = client.subscribeToAll();
  const failed = once(subscription, 'error');
  await Promise.all([once(subscription, 'confirmation'), client.appendToStream('s', event())]);
  await Promise.all([node.close(), node.close()]);
  expect((await failed.catch((error) => [error]))[0]).toBeInstanceOf(UnavailableError);
  await expect(client.appendToStream('s', event())).rejects.toMatchObject({ code: 14 });
});

test('closing does not wait for a subscriber that does not read', async () => {
  const node = await start(await newDirectory());
  const client = connect(node);
  const wide = () => Array.from({ length: 9 }, () => jsonEvent({ type: 'Wide', data: { text: 'x'.repeat(100_000) } }));
  for (let n = 0; n < 5; n++) await client.appendToStream('s', wide());
  const subscription = client.subscribeToAll();
  subscription.on('error', () => {});
  await once(subscription, 'confirmation');
  await node.close();
});

test('a read during which its stream is tombstoned ends as deleted, and does not tell of the tombstone', async () => {
  const client = connect(await start(await newDirectory()));
  const wide = jsonEvent({ type: 'Wide', data: { text: 'x'.repeat(900_000) } });
  for (let n = 0; n < 20; n++) await client.appendToStream('s', { ...wide, id: randomUUID() });
  const types: (string | undefined)[] = [];
  const read = client.readStream('s');
  for (let stored = read.read(); types.length === 0; stored = read.read()) {
    if (stored) types.push(stored.event?.type);
    else await once(read, 'readable');
  }
  await client.tombstoneStream('s');
  read.on('data', ({ event }) => types.push(event?.type));
  await expect(once(read, 'end')).rejects.toBeInstanceOf(StreamDeletedError);
  expect(types).toEqual(types.map(() => 'Wide'));
});

test('a subscription from the last position that there can be waits', async () => {
  const client = connect(await start(await newDirectory()));
  const end = { commit: 2n ** 63n - 1n, prepare: 2n ** 63n - 1n };
  const subscription = client.subscribeToAll({ fromPosition: end });
  await once(subscription, 'caughtUp');
  await client.appendToStream('s', event());
  await subscription.unsubscribe();
});

test('an append again whose events newer ones have superseded is refused, since they are gone', async () => {
  const client = connect(await start(await newDirectory()));
  await client.setStreamMetadata('s', { maxCount: 1 });
  const events = [event(0), event(1)];
  const first = await client.appendToStream('s', events, { expectedRevision: NO_STREAM });
  expect(await client.appendToStream('s', events, { expectedRevision: NO_STREAM })).toEqual(first);
  for (const n of [2, 3]) await client.appendToStream('s', event(n));
  const again = client.appendToStream('s', events, { expectedRevision: NO_STREAM });
  await expect(again).rejects.toMatchObject({ actualVersion: 3n });
});

test('a file of the first format is read, and goes on in the present one', async () => {
  const dataDir = await newDirectory();
  await (await start(dataDir)).close();
  const streamName = Buffer.from('old');
  const old = (revision: number) => {
    const data = Buffer.from(JSON.stringify({ n: revision }));
    const proposed = { id: randomBytes(16), type: Buffer.from('Numbered'), isJson: true, metadata: Buffer.alloc(0), data };
    const block = encodeBlock({ createdMs: Date.now(), streamNumber: 1, firstRevision: revision, streamName }, [proposed]);
    // That format had no checksum, which now lies between the version and the rest.
    return Buffer.concat([Buffer.from([1]), block.subarray(5)]);
  };
  const tables = openTables(join(dataDir, 'events.mdb'));
  await tables.root.transaction(() => {
    for (const revision of [0, 1, 2]) {
      tables.events.putSync(positionKey(revision + 1), old(revision));
      tables.revisions.putSync(revisionKey(1, revision), positionKey(revision + 1));
    }
    // The head had the count for its only limit.
    tables.streams.putSync(streamName, Buffer.concat([revisionKey(1, 2), positionKey(2)]));
  });
  verifyLog(tables);
  await tables.root.close();

  const client = connect(await start(dataDir));
  const numbers = async (): Promise<unknown[]> => {
    const found: unknown[] = [];
    for await (const { event: stored } of client.readStream('old')) found.push(stored?.data);
    return found;
  };
  expect(await numbers()).toEqual([{ n: 1 }, { n: 2 }]);
  expect((await client.appendToStream('old', event(3), { expectedRevision: 2n })).position).toEqual({ commit: 4n, prepare: 4n });
  expect(await numbers()).toEqual([{ n: 2 }, { n: 3 }]);
});

test('an index that names the block of another stream, or one that is not there, fails the read and never serves it', async () => {
  const dataDir = await newDirectory();
  const node = await start(dataDir);
  const before = connect(node);
  for (const stream of ['a', 'b', 'c']) await before.appendToStream(stream, event());
  await node.close();
  const tables = openTables(join(dataDir, 'events.mdb'));
  await tables.root.transaction(() => {
    tables.revisions.putSync(revisionKey(1, 0), positionKey(2));
    tables.revisions.putSync(revisionKey(2, 0), positionKey(9));
  });
  await tables.root.close();
  const client = connect(await start(dataDir));
  for (const [stream, position] of Object.entries({ a: 2, b: 9 })) {
    for (const direction of [FORWARDS, BACKWARDS] as const) {
      const read = once(client.readStream(stream, { direction, fromRevision: direction === FORWARDS ? START : END }), 'data');
      await expect(read).rejects.toMatchObject({
        code: 15,
        message: expect.stringContaining(`block at position ${position} is`),
      });
    }
  }
  expect((await once(client.readStream('c'), 'data'))[0].event.streamId).toBe('c');
});

test('a file that has lost a table is refused, and one from before there were counters is whole', async () => {
  const dataDir = await newDirectory();
  const file = join(dataDir, 'events.mdb');
  const node = await start(dataDir);
  await connect(node).appendToStream('s', event());
  await node.close();
  const tables = openTables(file);
  tables.counters.dropSync();
  await tables.root.close();
  const withoutCounters = openTablesToRead(file);
  verifyLog(withoutCounters);
  await withoutCounters.root.close();
  await (await start(dataDir)).close();

  const again = openTables(file);
  again.revisions.dropSync();
  await again.root.close();
  for (const _ of [1, 2]) {
    await expect(start(dataDir)).rejects.toThrow(/events\.mdb is damaged: its table revisions is missing/);
  }
  expect(() => openTablesToRead(file)).toThrow('its table revisions is missing');
});

test('the maximum append size can be set', async () => {
  const client = connect(await start(await newDirectory(), { maxAppendSize: 1000 }));
  const append = client.appendToStream('s', jsonEvent({ type: 'Large', data: { text: 'x'.repeat(1000) } }));
  await expect(append).rejects.toBeInstanceOf(MaxAppendSizeExceededError);
  await expect(append).rejects.toMatchObject({ maxAppendSize: 1000 });
});

test('what the node cannot do it says at once', async () => {
  const client = connect(await start(await newDirectory()));
  await client.appendToStream('s', event());
  await expect(client.createProjection('p', 'fromAll()')).rejects.toMatchObject({ code: 12 });
  const invalid = client.subscribeToAll({ filter: eventTypeFilter({ regex: '(' }) });
  await expect(once(invalid, 'data')).rejects.toMatchObject({ code: 3 });
});

test('a stream name that cannot be a key is refused, and the connection goes on', async () => {
  const client = connect(await start(await newDirectory()));
  const refused = client.appendToStream('x'.repeat(5000), event());
  const accepted = client.appendToStream('s', event());
  await expect(refused).rejects.toThrow(/1900 bytes/);
  expect((await accepted).success).toBe(true);
  const read = once(client.readStream('x'.repeat(5000)), 'data');
  await expect(read).rejects.toBeInstanceOf(StreamNotFoundError);
});

test('a port that is taken is an error that leaves the directory free', async () => {
  const { port } = await start(await newDirectory());
  const dataDir = await newDirectory();
  await expect(startEventStoreNode({ dataDir, port })).rejects.toThrow(/EADDRINUSE/);
  expect(await ownerOf(dataDir)).toBeUndefined();
  await start(dataDir);
});

test('a file that cannot be opened is not called damaged', async () => {
  const dataDir = await newDirectory();
  await mkdir(join(dataDir, 'events.mdb'));
  await expect(startEventStoreNode({ dataDir })).rejects.toThrow(/events\.mdb cannot be opened: EISDIR/);
});
