import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type DataSource, EntitySchema } from 'typeorm';
import { CheckpointMoved, readCheckpoint, START } from '../../projections/runtime/checkpoint.js';
import { amount, text } from '../../projections/runtime/columns.js';
import { openDatabase } from '../../projections/runtime/database.js';
import { Freshness } from '../../projections/runtime/freshness.js';
import type { Projection } from '../../projections/runtime/projection.js';
import { ProjectionRunner, type RunnerLog } from '../../projections/runtime/runner.js';
import { SCHEMA } from '../../projections/runtime/schema.js';
import { type ProjectionDefinition, StoredProjection } from '../../projections/runtime/stored-projection.js';
import { startEventStoreNode } from '../../src/embedded/event-store/node.js';
import { startPostgres } from '../../src/embedded/postgres/server.js';
import { seal } from '../../src/event-store/envelope.js';
import { EventStore, type StoredEvent } from '../../src/event-store/event-store.js';
import { createDatabase } from '../support/postgres.js';

/** A projection small enough to see an event that was folded twice, or not at all. */
interface Tally {
  readonly stream: string;
  readonly count: bigint;
  /** Shows the order: each event's number is appended. */
  readonly seen: string;
}

const tallyOf = (name: string, prefix: string): ProjectionDefinition<{ tallies: Tally }> => ({
  projection: {
    name,
    version: 1,
    streamPrefixes: [prefix],
    keys: { tallies: ['stream'] },
    rowsOf: ({ stream }) => ({ tallies: [{ stream }] }),
    fold: ({ tallies }, { stream, type, data }) => {
      if (type !== 'Counted') throw new Error(`unknown event ${type}`);
      const { count, seen } = tallies.find({ stream }) ?? { count: 0n, seen: '' };
      tallies.put({ stream, count: count + 1n, seen: `${seen}${(data as { n: number }).n} ` });
    },
  } satisfies Projection<{ tallies: Tally }>,
  entities: {
    tallies: new EntitySchema<Tally>({
      name,
      schema: SCHEMA,
      tableName: `${name}_v1`,
      columns: { stream: text('stream', { primary: true }), count: amount('count'), seen: text('seen') },
    }),
  },
});

const closing: (() => Promise<unknown>)[] = [];
const atEnd = (close: () => Promise<unknown>): void => void closing.push(close);
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

let node: Awaited<ReturnType<typeof startEventStoreNode>>;
let store: EventStore;
let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'projection-'));
  node = await startEventStoreNode({ dataDir });
  store = new EventStore(node.connectionString);
});
afterAll(async () => {
  await store.close();
  await node.close();
  await rm(dataDir, { recursive: true });
});

/** Appends `Counted` events with these numbers, each in an append of its own, or one event of another type. */
async function append(stream: string, numbers: readonly number[], { type = 'Counted', to = store } = {}): Promise<bigint> {
  let position = -1n;
  for (const n of numbers) {
    const revision = await nextRevision(to, stream);
    const cause = { commandId: `${stream} ${n} ${type}`, correlationId: 'test', actor: { type: 'system', id: 'test' } as const };
    const event = seal({ stream, revision, previousHash: '' }, { type, data: { n } }, cause, 0, '2026-03-01T00:00:00.000Z');
    ({ position } = await to.append(stream, [event], revision - 1n));
  }
  return position;
}

async function nextRevision(from: EventStore, stream: string): Promise<bigint> {
  let next = 0n;
  for await (const event of from.read(stream)) next = event.revision + 1n;
  return next;
}

type Counting = ProjectionDefinition<{ tallies: Tally }>;

async function open(url: string, ...definitions: Counting[]): Promise<DataSource> {
  const dataSource = await openDatabase(url, definitions);
  atEnd(() => dataSource.destroy());
  return dataSource;
}

/** A runner that has been started, and its log as promises. */
function run(definition: Counting, dataSource: DataSource, options: { events?: EventStore } = {}) {
  const heard: string[] = [];
  let hear = (): void => {};
  const log: RunnerLog = { log: note('log'), warn: note('warn'), error: note('error') };
  function note(level: string) {
    return (message: string) => {
      heard.push(`${level}: ${message}`);
      hear();
    };
  }
  const freshness = new Freshness(dataSource);
  const runner = new ProjectionRunner(definition, dataSource, options.events ?? store, freshness, log, {
    batchMax: 7,
    standbyMs: 10,
    backOffMaxMs: 100,
  });
  atEnd(() => runner.stop());
  runner.start();
  return {
    runner,
    heard,
    reaches: (position: bigint) => freshness.waitFor(definition.projection, position, 30_000),
    /** Resolves with the first line that matches and was not waited for before. */
    says: async (pattern: RegExp): Promise<string> => {
      for (;;) {
        const found = heard.findIndex((line) => pattern.test(line));
        if (found >= 0) return heard.splice(found, 1)[0] as string;
        await new Promise<void>((resolve) => {
          hear = resolve;
        });
      }
    },
  };
}

const tallies = (dataSource: DataSource, { entities }: Counting): Promise<Tally[]> =>
  dataSource.getRepository(entities.tallies).find({ order: { stream: 'ASC' } });

const numbersTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);
const seenTo = (last: number): string =>
  numbersTo(last)
    .map((n) => `${n} `)
    .join('');

describe('a projection runner', () => {
  test('folds what was there and what arrives, in order, and goes on where another left off', async () => {
    const definition = tallyOf('resuming', 'resuming-');
    const url = await createDatabase();
    const dataSource = await open(url, definition);
    await append('resuming-a', numbersTo(20));

    const first = run(definition, dataSource);
    expect(await first.reaches(await append('resuming-b', [1]))).toBe(true);
    expect(await first.reaches(await append('resuming-b', [2]))).toBe(true);
    await first.runner.stop();
    expect(first.runner.status().state).toBe('stopped');

    await append('resuming-b', [3]);
    const second = run(definition, dataSource);
    const position = await append('resuming-b', [4]);
    expect(await second.reaches(position)).toBe(true);
    expect(await tallies(dataSource, definition)).toEqual([
      { stream: 'resuming-a', count: 20n, seen: seenTo(20) },
      { stream: 'resuming-b', count: 4n, seen: '1 2 3 4 ' },
    ]);
    await second.says(/ is live at position /);
    expect(second.runner.status()).toEqual({ name: 'resuming', version: 1, position, state: 'live' });
    expect((await readCheckpoint(dataSource, definition.projection))?.position).toBe(position);
  });

  test('commits nothing from a checkpoint that another has moved', async () => {
    const definition = tallyOf('stale', 'stale-');
    const dataSource = await open(await createDatabase(), definition);
    const { runner, reaches } = run(definition, dataSource);
    const position = await append('stale-a', [1, 2]);
    await reaches(position);
    await runner.stop();

    const events: StoredEvent[] = [];
    for await (const event of store.read('stale-a')) events.push(event);
    const session = dataSource.createQueryRunner();
    atEnd(() => session.release());
    const to = { position, lastEvent: undefined };
    const commit = new StoredProjection(dataSource, definition).commit(session, events, START, to, new Set());
    await expect(commit).rejects.toThrow(CheckpointMoved);
    expect(await tallies(dataSource, definition)).toEqual([{ stream: 'stale-a', count: 2n, seen: '1 2 ' }]);
  });

  test('stops a stream at an event that it cannot fold, and no other stream, in any batch', async () => {
    const definition = tallyOf('poisoned', 'poisoned-');
    const dataSource = await open(await createDatabase(), definition);
    await append('poisoned-ill', [1, 2]);
    await append('poisoned-well', [1]);
    const poison = await append('poisoned-ill', [3], { type: 'Unheard' });
    await append('poisoned-ill', [4]);
    const position = await append('poisoned-well', [2]);
    const { runner, heard, says, reaches } = run(definition, dataSource);
    expect(await says(/^error/)).toMatch(
      new RegExp(
        `^error: projection poisoned v1 stopped poisoned-ill and no other stream: event 2, Unheard, position ${poison}, cannot be folded: Error in `,
      ),
    );
    expect(await reaches(position)).toBe(true);
    await append('poisoned-ill', [5]);
    const last = await append('poisoned-well', [3]);
    expect(await reaches(last)).toBe(true);
    expect(await tallies(dataSource, definition)).toEqual([
      { stream: 'poisoned-ill', count: 2n, seen: '1 2 ' },
      { stream: 'poisoned-well', count: 3n, seen: '1 2 3 ' },
    ]);
    await runner.stop();
    expect(heard.filter((line) => line.startsWith('error'))).toEqual([]);
    expect(runner.status()).toEqual({ name: 'poisoned', version: 1, position: last, state: 'stopped', stoppedStreams: 1 });
  });

  test('stops all of itself, and no stream, where the database refuses what was folded', async () => {
    const definition = tallyOf('refused', 'refused-');
    const dataSource = await open(await createDatabase(), definition);
    await dataSource.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '23514'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON projections.refused_v1 FOR EACH ROW EXECUTE FUNCTION refuse()`);
    await append('refused-a', [1]);
    const { runner, says } = run(definition, dataSource);
    await says(/^error: projection refused v1 stopped: /);
    await runner.stop();
    expect(runner.status()).toEqual({ name: 'refused', version: 1, position: -1n, state: 'stopped', error: 'no' });
    expect(await dataSource.query('SELECT * FROM projections.stopped_stream')).toEqual([]);
  });

  test('builds again from zero where the store has another history', async () => {
    const definition = tallyOf('replaced', 'replaced-');
    const dataSource = await open(await createDatabase(), definition);
    const before = run(definition, dataSource);
    await before.reaches(await append('replaced-old', numbersTo(10)));
    await before.runner.stop();

    const otherDir = await mkdtemp(join(tmpdir(), 'projection-'));
    atEnd(() => rm(otherDir, { recursive: true }));
    const otherNode = await startEventStoreNode({ dataDir: otherDir });
    atEnd(() => otherNode.close());
    const other = new EventStore(otherNode.connectionString);
    atEnd(() => other.close());
    const position = await append('replaced-new', [1, 2], { to: other });
    const after = run(definition, dataSource, { events: other });
    expect(await after.says(/^error/)).toMatch(/rebuilt from zero: the store no longer holds event/);
    expect(await after.reaches(position)).toBe(true);
    expect(await tallies(dataSource, definition)).toEqual([{ stream: 'replaced-new', count: 2n, seen: '1 2 ' }]);
  });
});

describe('two runners of one projection', () => {
  test('one leads and the other takes over, whether it stops or loses its connection', async () => {
    const definition = tallyOf('shared', 'shared-');
    const url = await createDatabase();
    const [hereDatabase, thereDatabase] = [await open(url, definition), await open(url, definition)];
    const here = run(definition, hereDatabase);
    await here.says(/leads from/);
    const there = run(definition, thereDatabase);
    await here.reaches(await append('shared-a', [1, 2, 3]));
    expect(there.runner.status()).toEqual({ name: 'shared', version: 1, position: -1n, state: 'standby' });

    await endLeader(hereDatabase);
    await there.says(/leads from/);
    expect(await there.reaches(await append('shared-a', [4, 5]))).toBe(true);

    await there.runner.stop();
    expect(await here.reaches(await append('shared-a', [6]))).toBe(true);
    expect(await tallies(hereDatabase, definition)).toEqual([{ stream: 'shared-a', count: 6n, seen: seenTo(6) }]);
  });

  /** Ends the session that holds the lock, as a broken network would. */
  const endLeader = (dataSource: DataSource) =>
    dataSource.query(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database =
      (SELECT oid FROM pg_database WHERE datname = current_database())`);
});

describe('every event has its effect once, when the connection ends', () => {
  const KILL = `
    CREATE SEQUENCE commits;
    CREATE FUNCTION end_third() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF nextval('commits') = 3 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
      RETURN NEW;
    END $$;`;
  test.each([
    [
      'as the checkpoint moves',
      'CREATE TRIGGER kill BEFORE UPDATE ON projections.checkpoint FOR EACH ROW EXECUTE FUNCTION end_third()',
    ],
    [
      'as a row is written',
      'CREATE TRIGGER kill BEFORE UPDATE ON projections.killed_v1 FOR EACH ROW EXECUTE FUNCTION end_third()',
    ],
    [
      'after the rows are written',
      'CREATE TRIGGER kill AFTER UPDATE ON projections.killed_v1 FOR EACH ROW EXECUTE FUNCTION end_third()',
    ],
    [
      'as the transaction commits',
      `CREATE CONSTRAINT TRIGGER kill AFTER UPDATE ON projections.killed_v1 DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION end_third()`,
    ],
  ])('%s', async (_when, trigger) => {
    const definition = tallyOf('killed', 'killed-');
    const dataSource = await open(await createDatabase(), definition);
    await dataSource.query(KILL);
    await dataSource.query(trigger);
    const stream = `killed-${process.hrtime.bigint()}`;
    const position = await append(stream, numbersTo(30));
    const { says, reaches } = run(definition, dataSource);
    await says(/^warn: projection killed v1 will be tried again/);
    expect(await reaches(position)).toBe(true);
    expect(await tallyFor(dataSource, definition, stream)).toEqual([{ stream, count: 30n, seen: seenTo(30) }]);
  });

  test('after the commit, before its acknowledgement', async () => {
    const definition = tallyOf('unheard', 'unheard-');
    const url = new URL(await createDatabase());
    const proxy = await startProxy(Number(url.port));
    const dataSource = await open(Object.assign(url, { port: String(proxy.port) }).href, definition);
    const { says, reaches } = run(definition, dataSource);
    await reaches(await append('unheard-a', [1]));
    proxy.cutAt = 'COMMIT\0';
    const position = await append('unheard-a', [2]);
    await says(/^warn: projection unheard v1 will be tried again/);
    expect(await reaches(position)).toBe(true);
    expect(await reaches(await append('unheard-a', [3]))).toBe(true);
    expect(await tallies(dataSource, definition)).toEqual([{ stream: 'unheard-a', count: 3n, seen: '1 2 3 ' }]);
  });

  const tallyFor = (dataSource: DataSource, { entities }: Counting, stream: string) =>
    dataSource.getRepository(entities.tallies).findBy({ stream });
});

describe('a server that goes away and comes back', () => {
  test('PostgreSQL', async () => {
    const definition = tallyOf('restarted', 'restarted-');
    const postgresDir = await mkdtemp(join(tmpdir(), 'projection-postgres-'));
    atEnd(() => rm(postgresDir, { recursive: true }));
    let postgres = await startPostgres({ dataDir: postgresDir });
    atEnd(() => postgres.close());
    const proxy = await startProxy(Number(new URL(postgres.url).port));
    const dataSource = await open(Object.assign(new URL(postgres.url), { port: String(proxy.port) }).href, definition);
    const { says, reaches } = run(definition, dataSource);
    await reaches(await append('restarted-a', [1, 2]));

    await postgres.close();
    const position = await append('restarted-a', [3, 4]);
    await says(/^warn: projection restarted v1 will be tried again/);
    postgres = await startPostgres({ dataDir: postgresDir });
    proxy.target = Number(new URL(postgres.url).port);
    expect(await reaches(position)).toBe(true);
    expect(await tallies(dataSource, definition)).toEqual([{ stream: 'restarted-a', count: 4n, seen: seenTo(4) }]);
  });

  test('the event store', async () => {
    const definition = tallyOf('reconnected', 'reconnected-');
    const storeDir = await mkdtemp(join(tmpdir(), 'projection-'));
    atEnd(() => rm(storeDir, { recursive: true }));
    let ownNode = await startEventStoreNode({ dataDir: storeDir });
    atEnd(() => ownNode.close());
    const own = new EventStore(ownNode.connectionString);
    atEnd(() => own.close());
    const dataSource = await open(await createDatabase(), definition);
    const { says, reaches } = run(definition, dataSource, { events: own });
    await says(/leads from/);
    await reaches(await append('reconnected-a', [1, 2], { to: own }));

    await ownNode.close();
    await says(/^warn: projection reconnected v1 will be tried again/);
    ownNode = await startEventStoreNode({ dataDir: storeDir, port: ownNode.port });
    await says(/leads from/);
    expect(await reaches(await append('reconnected-a', [3], { to: own }))).toBe(true);
    expect(await tallies(dataSource, definition)).toEqual([{ stream: 'reconnected-a', count: 3n, seen: '1 2 3 ' }]);
  });
});

describe('freshness', () => {
  test('is seen from another process by the checkpoint, and is false where the time is over', async () => {
    const definition = tallyOf('awaited', 'awaited-');
    const url = await createDatabase();
    const [hereDatabase, thereDatabase] = [await open(url, definition), await open(url, definition)];
    const elsewhere = new Freshness(thereDatabase);
    const first = await append('awaited-a', [1]);
    expect(await elsewhere.waitFor(definition.projection, first, 1)).toBe(false);
    const waiting = elsewhere.waitFor(definition.projection, first, 30_000);
    run(definition, hereDatabase);
    expect(await waiting).toBe(true);
    expect(await tallies(thereDatabase, definition)).toEqual([{ stream: 'awaited-a', count: 1n, seen: '1 ' }]);
  });
});

/** Passes bytes on to a server on this machine, and ends the connection in which the server says something. */
async function startProxy(target: number) {
  const sockets = new Set<Socket>();
  const proxy: { target: number; port: number; cutAt: string | undefined } = { target, port: 0, cutAt: undefined };
  const server = createServer((client) => {
    const upstream = connect(proxy.target, '127.0.0.1');
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    client.pipe(upstream);
    upstream.on('data', (bytes: Buffer) => {
      if (proxy.cutAt === undefined || !bytes.includes(proxy.cutAt)) {
        client.write(bytes);
        return;
      }
      proxy.cutAt = undefined;
      end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  proxy.port = (server.address() as AddressInfo).port;
  return proxy;
}
