/** The log of an event store node, asked without a client: what is written together, and what is told of one stream for another. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { dataFileOf } from '../../src/embedded/event-store/log/data-file.js';
import { encodeBlock, type ProposedEvent, TOMBSTONE_REVISION } from '../../src/embedded/event-store/log/event-block.js';
import { EventLog, type ReadableHead } from '../../src/embedded/event-store/log/event-log.js';
import {
  readAllBackwards,
  readAllForwards,
  readStreamBackwards,
  readStreamForwards,
} from '../../src/embedded/event-store/log/event-readers.js';
import {
  encodeHead,
  NO_LIMITS,
  NUMBER_MAX,
  openTables,
  positionKey,
  revisionKey,
} from '../../src/embedded/event-store/log/event-tables.js';
import { LogDamaged } from '../../src/embedded/event-store/log/log-damaged.js';
import { type Append, NotTheEnd } from '../../src/embedded/event-store/log/log-writer.js';
import { verifyLog } from '../../src/embedded/event-store/log/verify-log.js';
import { temporaryDirectory } from '../support/event-store-node.js';

let dataDir: string;
let log: EventLog;

beforeEach(async () => {
  dataDir = await temporaryDirectory();
  log = await EventLog.open(dataDir);
});

afterEach(async () => {
  verifyLog(log.tables);
  await log.close();
  await rm(dataDir, { recursive: true });
});

const NOTHING = Buffer.alloc(0);
const event = (id = randomBytes(16)): ProposedEvent => ({
  id,
  type: Buffer.from('T'),
  isJson: false,
  metadata: NOTHING,
  data: NOTHING,
});

const appendTo = (stream: string, events: ProposedEvent | ProposedEvent[]): Append => ({
  streamName: Buffer.from(stream),
  expectedRevision: 'any',
  events: [events].flat(),
  deadlineMs: Number.POSITIVE_INFINITY,
});

/** Position and stream of every event. */
function everything(): string[] {
  const found: string[] = [];
  for (const { position, streamName } of readAllForwards(log.tables, 0)) found.push(`${position} ${streamName}`);
  return found;
}

test('of the writes of one transaction, one that throws fails alone, and the others are written once', async () => {
  const failing = () =>
    log.write((writer) => {
      writer.append(appendTo('half', event()));
      throw new Error('it was not possible');
    });
  const outcomes = await Promise.allSettled([
    log.append(appendTo('a', event())),
    failing(),
    log.append(appendTo('b', event())),
    failing(),
    log.append(appendTo('a', event())),
  ]);
  const appended = (revision: number, position: number) => ({
    status: 'fulfilled',
    value: { kind: 'appended', revision, position },
  });
  const failed = { status: 'rejected', reason: new Error('it was not possible') };
  expect(outcomes).toEqual([appended(0, 1), failed, appended(0, 2), failed, appended(1, 3)]);
  expect(everything()).toEqual(['1 a', '2 b', '3 a']);
  expect(log.head(Buffer.from('half'))).toBeUndefined();
});

test('of many writes that fail, none makes those beside it be tried more than twice', async () => {
  const tries = Array.from({ length: 60 }, () => 0);
  const outcomes = await Promise.allSettled(
    tries.map((_, n) =>
      log.write((writer) => {
        (tries[n] as number)++;
        writer.append(appendTo('s', event()));
        if (n % 3 === 1) throw new Error(`${n} was not possible`);
        return n;
      }),
    ),
  );
  expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason.message))).toEqual(
    tries.map((_, n) => (n % 3 === 1 ? `${n} was not possible` : n)),
  );
  expect(everything()).toHaveLength(40);
  expect(Math.max(...tries)).toBe(2);
});

test('what a failed write has made known is forgotten: ids, numbers of streams, positions', async () => {
  const one = event();
  await log.append(appendTo('a', event()));
  const failed = log.write((writer) => {
    writer.append(appendTo('b', one));
    throw new Error('it was not possible');
  });
  await expect(failed).rejects.toThrow('it was not possible');
  expect(await log.append(appendTo('c', one))).toMatchObject({ revision: 0, position: 2 });
  expect(await log.append(appendTo('b', one))).toMatchObject({ revision: 0, position: 3 });
  expect(everything()).toEqual(['1 a', '2 c', '3 b']);
});

test('where the end of the log is damaged, appends fail with that until it is whole', async () => {
  await log.append(appendTo('a', event()));
  const { root, events } = log.tables;
  await root.transaction(() => events.putSync(positionKey(2), Buffer.from([2, 0, 0, 0, 0])));
  await expect(log.append(appendTo('b', event()))).rejects.toBeInstanceOf(NotTheEnd);
  const both = [log.append(appendTo('b', event())), log.append(appendTo('c', event()))];
  for (const append of both) await expect(append).rejects.toBeInstanceOf(LogDamaged);
  await root.transaction(() => events.removeSync(positionKey(2)));
  expect(await log.append(appendTo('b', event()))).toMatchObject({ revision: 0, position: 2 });
});

/** Revisions up to the first damage, and what that is. */
function revisionsOf(stream: string, read: typeof readStreamForwards | typeof readStreamBackwards): unknown[] {
  const found: unknown[] = [];
  try {
    const head = log.head(Buffer.from(stream)) as ReadableHead;
    const from = read === readStreamForwards ? 0 : head.revision;
    for (const { revision } of read(log.tables, head, from, 0)) found.push(revision);
  } catch (error) {
    expect(error).toBeInstanceOf(LogDamaged);
    found.push((error as Error).message);
  }
  return found;
}

test.each([0, 9, 16, 33])(
  'a bit that flips in byte %i of a head fails all that asks for that stream, and nothing else',
  async (at) => {
    await log.append(appendTo('$$a', { ...event(), isJson: true, data: Buffer.from('{"$tb":1}') }));
    await log.append(appendTo('a', [event(), event()]));
    await log.append(appendTo('b', event()));
    const { root, streams } = log.tables;
    const whole = Buffer.from(streams.get(Buffer.from('a')) as Buffer);
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] as number) ^ 4;
    await root.transaction(() => streams.putSync(Buffer.from('a'), damaged));
    const damage = 'The head of the stream a is damaged: its checksum is not that of its bytes.';
    await expect(log.append(appendTo('a', event()))).rejects.toThrow(new LogDamaged(damage));
    expect(revisionsOf('a', readStreamForwards)).toEqual([damage]);
    expect(() => verifyLog(log.tables)).toThrow(damage);
    expect(await log.append(appendTo('b', event()))).toMatchObject({ revision: 1 });
    await root.transaction(() => streams.putSync(Buffer.from('a'), whole));
    expect(await log.append(appendTo('a', event()))).toMatchObject({ revision: 2 });
  },
);

test('the head of another stream, or one of another length, is not taken for good', async () => {
  await log.append(appendTo('a', event()));
  await log.append(appendTo('b', event()));
  const { root, streams } = log.tables;
  const [ofA, ofB] = ['a', 'b'].map((name) => Buffer.from(streams.get(Buffer.from(name)) as Buffer));
  await root.transaction(() => streams.putSync(Buffer.from('a'), ofB as Buffer));
  expect(() => log.head(Buffer.from('a'))).toThrow('its checksum is not that of its bytes');
  await root.transaction(() => streams.putSync(Buffer.from('a'), (ofA as Buffer).subarray(0, 11)));
  expect(() => log.head(Buffer.from('a'))).toThrow('its length is unknown');
  await root.transaction(() => streams.putSync(Buffer.from('a'), ofA as Buffer));
});

test.each([
  ['no limits', 12, {}],
  ['a count alone', 18, { $maxCount: 5 }],
  ['all limits', 30, { $maxCount: 5, $maxAge: 600, $tb: 1 }],
])('a head of an older file, with %s, is read, and has a checksum with the next append', async (_, length, metadata) => {
  await log.append(appendTo('$$s', { ...event(), isJson: true, data: Buffer.from(JSON.stringify(metadata)) }));
  await log.append(appendTo('s', [event(), event()]));
  const name = Buffer.from('s');
  const { root, streams } = log.tables;
  const before = log.head(name);
  const old = Buffer.from(streams.get(name) as Buffer).subarray(0, length);
  await root.transaction(() => streams.putSync(name, old));
  expect(log.head(name)).toEqual(before);
  await log.append(appendTo('s', event()));
  expect(log.head(name)).toEqual({ ...before, revision: 2 });
  expect(streams.get(name)?.length).toBe(length === 12 ? 16 : 34);
});

test('an event that is missing in a stream is said by whatever comes to where it was, and nothing is served beyond it', async () => {
  for (let n = 0; n < 3; n++) await log.append(appendTo('s', [event(), event()]));
  const { root, revisions } = log.tables;
  const missing = (revision: number) => `Event ${revision} of stream number 1 is missing.`;
  const withoutBlockAt = async (revision: number, check: () => void) => {
    const key = revisionKey(1, revision);
    const position = Buffer.from(revisions.get(key) as Buffer);
    await root.transaction(() => revisions.removeSync(key));
    check();
    expect(() => verifyLog(log.tables)).toThrow(`The index does not find revision ${revision} of s.`);
    await root.transaction(() => revisions.putSync(key, position));
  };
  await withoutBlockAt(2, () => {
    expect(revisionsOf('s', readStreamForwards)).toEqual([0, 1, missing(2)]);
    expect(revisionsOf('s', readStreamBackwards)).toEqual([5, 4, missing(3)]);
  });
  await withoutBlockAt(4, () => {
    expect(revisionsOf('s', readStreamForwards)).toEqual([0, 1, 2, 3, missing(4)]);
    expect(revisionsOf('s', readStreamBackwards)).toEqual([missing(5)]);
  });
  expect(revisionsOf('s', readStreamForwards)).toEqual([0, 1, 2, 3, 4, 5]);
  const tombstone = { streamName: Buffer.from('s'), expectedRevision: 'any', deadlineMs: Number.POSITIVE_INFINITY } as const;
  await log.delete({ ...tombstone, isTombstone: true });
  expect(revisionsOf('s', readStreamForwards)).toEqual([0, 1, 2, 3, 4, 5, TOMBSTONE_REVISION]);
  expect(revisionsOf('s', readStreamBackwards)).toEqual([TOMBSTONE_REVISION, 5, 4, 3, 2, 1, 0]);
});

test('an id that came twice in one stream is known by its newer event, when the older one is long ago', async () => {
  const one = event();
  const many = (count: number) =>
    log.append(
      appendTo(
        'others',
        Array.from({ length: count }, () => event()),
      ),
    );
  await log.append(appendTo('s', one));
  await many(19_000);
  expect(await log.append({ ...appendTo('s', one), expectedRevision: 0 })).toMatchObject({ revision: 1 });
  await many(1_000);
  expect(await log.append(appendTo('s', one))).toMatchObject({ revision: 1, position: 19_002 });
});

test('where another process has written, nothing of it is overwritten: one append fails, and the next follows', async () => {
  await log.append(appendTo('a', event()));
  const other = openTables(dataFileOf(dataDir));
  const header = { createdMs: Date.now(), streamNumber: 1, firstRevision: 1, streamName: Buffer.from('a') };
  await other.root.transaction(() => {
    other.events.putSync(positionKey(2), encodeBlock(header, [event(Buffer.alloc(16, 7))]));
    other.revisions.putSync(revisionKey(1, 1), positionKey(2));
    other.streams.putSync(Buffer.from('a'), encodeHead(Buffer.from('a'), { streamNumber: 1, revision: 1, limits: NO_LIMITS }));
  });
  await expect(log.append(appendTo('b', event()))).rejects.toThrow('another process writes to it');
  expect(await log.append(appendTo('b', event()))).toMatchObject({ position: 3 });
  expect(everything()).toEqual(['1 a', '2 a', '3 b']);
  await other.root.close();
});

test('an id that two streams have is known in both', async () => {
  const id = randomBytes(16);
  const first = await log.append(appendTo('a', event(id)));
  const second = await log.append(appendTo('b', event(id)));
  expect(second).toMatchObject({ position: 2 });
  expect(await log.append(appendTo('a', event(id)))).toEqual(first);
  expect(await log.append(appendTo('b', event(id)))).toEqual(second);
});

test('the metadata of a stream that is closed for ever are read by their own number', async () => {
  const streamName = Buffer.from('closed');
  const metadataStream = Buffer.from('$$closed');
  await log.append(appendTo('closed', [event(), event()]));
  await log.append(appendTo('$$closed', event()));
  const open = log.head(metadataStream);
  const expectedRevision = 'any';
  await log.delete({ streamName, expectedRevision, deadlineMs: Number.POSITIVE_INFINITY, isTombstone: true });
  expect(open).toMatchObject({ isTombstoned: false, revision: 0 });
  expect(log.head(metadataStream)).toEqual({ ...open, isTombstoned: true });
  expect(log.head(Buffer.from('$$never'))).toBeUndefined();
});

test('metadata that are closed for ever say nothing any more, also not that their stream is deleted', async () => {
  const deletion = { expectedRevision: 'any', deadlineMs: Number.POSITIVE_INFINITY } as const;
  const [streamName, metadataStream] = [Buffer.from('s'), Buffer.from('$$s')];
  await log.append(appendTo('s', event()));
  await log.delete({ ...deletion, streamName, isTombstone: false });
  await log.delete({ ...deletion, streamName: metadataStream, isTombstone: true });
  expect(log.head(streamName)).toMatchObject({ revision: 0, limits: NO_LIMITS, isTombstoned: false });
  expect(await log.append(appendTo('s', event()))).toMatchObject({ kind: 'appended', revision: 1 });
  expect(log.head(metadataStream)?.isTombstoned).toBe(true);
  const isClosed = { kind: 'stream_deleted' };
  expect(await log.append(appendTo('$$s', event()))).toEqual(isClosed);
  expect(await log.delete({ ...deletion, streamName, isTombstone: false })).toEqual(isClosed);
});

test('a metadata stream of the longest name has metadata of its own', async () => {
  const streamName = Buffer.from(`$$${'x'.repeat(1_900)}`);
  const deletion = { streamName, expectedRevision: 'any', deadlineMs: Number.POSITIVE_INFINITY, isTombstone: false } as const;
  await log.append(appendTo(String(streamName), event()));
  await log.delete(deletion);
  await log.delete(deletion);
  expect(log.head(Buffer.from(`$$${streamName}`))?.revision).toBe(1);
});

test('a block of many events is read backwards by a walk over it and no more', async () => {
  const events = Array.from({ length: 200_000 }, (_, n) => event(Buffer.from(String(n).padStart(16, '0'))));
  await log.append(appendTo('many', events));
  const read: number[] = [];
  for (const { id } of readAllBackwards(log.tables, NUMBER_MAX)) read.push(Number(id.toString()));
  expect(read.reverse()).toEqual(Array.from(events.keys()));
});

test('a check finds streams by their bytes: an older file may have names that are not UTF-8', async () => {
  await log.append({ ...appendTo('', event()), streamName: Buffer.from([0x61, 0xff, 0x62]) });
  expect(() => verifyLog(log.tables)).not.toThrow();
});

test('a check finds a head that is that of another stream', async () => {
  await log.append(appendTo('a', event()));
  const { root, streams } = log.tables;
  await root.transaction(() => streams.putSync(Buffer.from('b'), revisionKey(1, 0)));
  expect(() => verifyLog(log.tables)).toThrow('The head of b is that of a.');
  await root.transaction(() => streams.removeSync(Buffer.from('b')));
});

test('events that come again are looked for in their place, and all of them', async () => {
  const [first, second, third, other] = [event(), event(), event(), event()];
  const isConflict = { kind: 'wrong_expected_revision', currentRevision: 2 };
  for (const one of [first, second, third]) await log.append(appendTo('s', one));
  const limits = Buffer.from('{"$maxCount":1}');
  await log.append(appendTo('$$s', { ...event(), type: Buffer.from('$metadata'), isJson: true, data: limits }));
  // The first two are gone, so that what comes after the beginning is the third.
  expect(await log.append({ ...appendTo('s', third), expectedRevision: 'no_stream' })).toEqual(isConflict);
  expect(await log.append({ ...appendTo('s', third), expectedRevision: 1 })).toMatchObject({ kind: 'appended', position: 3 });

  for (const one of [first, second, third]) await log.append(appendTo('t', one));
  const deletion = { expectedRevision: 'any', deadlineMs: Number.POSITIVE_INFINITY, isTombstone: false } as const;
  await log.delete({ ...deletion, streamName: Buffer.from('t') });
  expect(await log.append({ ...appendTo('t', [first, other]), expectedRevision: 'no_stream' })).toEqual(isConflict);
  expect(await log.append({ ...appendTo('t', other), expectedRevision: 'no_stream' })).toMatchObject({ revision: 3 });
});

const LIMITED = { maxCount: 2, maxAgeMs: 0, truncateBefore: 0 };
test.each([
  ['{"$maxCount":2}', LIMITED],
  ['{"$maxCount":2,"$acl":{"$r":"a","$w":["b","c"],"$d":[],"$mr":"d","$mw":"e"},"$cacheControl":5,"$tmp":true}', LIMITED],
  ['{"$maxCount":2,"own":{"$maxCount":1.5,"text":"1e5 \\" 7"},"others":[1e300]}', LIMITED],
  ['{"$maxCount":2,"$maxAge":-5,"$tb":-1}', LIMITED],
  ['{"$tb":9223372036854775807}', { ...NO_LIMITS, truncateBefore: NUMBER_MAX }],
  ['{"$maxCount":9223372036854775807}', { ...NO_LIMITS, maxCount: NUMBER_MAX - 1 }],
  ['{"$maxAge":922337203685}', { ...NO_LIMITS, maxAgeMs: NUMBER_MAX - 1 }],
  ['{"$maxCount":2,"$tb":9223372036854775808}', NO_LIMITS],
  ['{"$maxCount":2,"$tb":9223372036854776000}', NO_LIMITS],
  ['{"$maxCount":2,"$maxAge":922337203686}', NO_LIMITS],
  ['{"$maxCount":2.0}', NO_LIMITS],
  ['{"$maxCount":2e0}', NO_LIMITS],
  ['{"$maxCount":"2"}', NO_LIMITS],
  ['{"$maxCount":{"number":"2"}}', NO_LIMITS],
  ['{"$maxCount":2,"$acl":null}', NO_LIMITS],
  ['{"$maxCount":2,"$acl":{"$r":null}}', NO_LIMITS],
  ['{"$maxCount":2,"$acl":{"$r":["a",5]}}', NO_LIMITS],
  ['{"$maxCount":2,"$acl":{"$x":"a"}}', NO_LIMITS],
  ['{"$maxCount":2', NO_LIMITS],
  ['[{"$maxCount":2}]', NO_LIMITS],
])('metadata %s limit what EventStoreDB lets them limit', async (json, limits) => {
  await log.append(appendTo('s', event()));
  await log.append(appendTo('$$s', { ...event(), isJson: true, data: Buffer.from(json) }));
  expect(log.head(Buffer.from('s'))?.limits).toEqual(limits);
});
