import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { balancesDefinition } from '../../projections/balances/balances.definition.js';
import { providerUsageDefinition } from '../../projections/provider-usage/provider-usage.entity.js';
import { openDatabase } from '../../projections/runtime/database.js';
import { Freshness } from '../../projections/runtime/freshness.js';
import type { Fact } from '../../projections/runtime/projection.js';
import { reportOn } from '../../projections/runtime/projection-report.js';
import { BuildInUse, dropBuild, PREVIOUS_SCHEMA, withBuilds } from '../../projections/runtime/rebuild/builds.js';
import { goBack, rebuild } from '../../projections/runtime/rebuild/rebuild.js';
import { RebuildRun, rebuildAll } from '../../projections/runtime/rebuild/rebuild-run.js';
import { ProjectionRunner } from '../../projections/runtime/runner.js';
import { seal } from '../../src/event-store/envelope.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { historiesOf } from '../support/account-histories.js';
import { startTemporaryNode, type TemporaryNode } from '../support/event-store-node.js';
import { createDatabase } from '../support/postgres.js';

const SEED = 20260301;
const NAME = 'balances';

const closing: (() => Promise<unknown>)[] = [];
const atEnd = (close: () => Promise<unknown>): void => void closing.push(close);
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

let node: TemporaryNode;
let store: EventStore;
beforeAll(async () => {
  node = await startTemporaryNode();
  store = new EventStore(node.connectionString);
});
afterAll(async () => {
  await store.close();
  await node.dispose();
});

/** Facts of a random history, of accounts that no other test has. */
function history(name: string, seed: number): Fact[] {
  const [world] = fc.sample(historiesOf(12, 80), { seed, numRuns: 1 });
  const facts = world?.facts ?? [];
  expect(facts.length).toBeGreaterThan(30);
  return facts.map((fact) => ({ ...fact, stream: `${fact.stream}${name}`, data: renamed(fact.data, name) }));
}

/** The account's id stands in some events too. */
const renamed = (data: unknown, name: string): unknown =>
  JSON.parse(JSON.stringify(data).replace(/"(account[12])"/g, `"$1${name}"`));

const revisions = new Map<string, bigint>();
async function append(facts: readonly Fact[]): Promise<bigint> {
  let position = -1n;
  for (const { stream, type, data, metadata } of facts) {
    const revision = (revisions.get(stream) ?? -1n) + 1n;
    revisions.set(stream, revision);
    const cause = { commandId: `${stream} ${revision}`, correlationId: 'test', actor: { type: 'system', id: 'test' } as const };
    const event = seal({ stream, revision, previousHash: '' }, { type, data: data as object }, cause, 0, metadata.occurredAt);
    ({ position } = await store.append(stream, [event], revision - 1n));
  }
  return position;
}

const DEFINITIONS = [balancesDefinition, providerUsageDefinition];

async function openRows(): Promise<DataSource> {
  const dataSource = await openDatabase(await createDatabase(), DEFINITIONS);
  atEnd(() => dataSource.destroy());
  return dataSource;
}

function run(dataSource: DataSource) {
  const heard: string[] = [];
  const log = { log: () => {}, warn: (line: string) => heard.push(line), error: (line: string) => heard.push(line) };
  const freshness = new Freshness(dataSource);
  const runner = new ProjectionRunner(balancesDefinition, dataSource, store, freshness, log, { batchMax: 7, standbyMs: 10 });
  atEnd(() => runner.stop());
  runner.start();
  return { runner, heard, reaches: (position: bigint) => freshness.waitFor(balancesDefinition.projection, position, 30_000) };
}

/** All rows of all tables as PostgreSQL prints them, without the time of the last commit. */
async function allRows(dataSource: DataSource, schema = 'projections'): Promise<string[][]> {
  const tables = [...Object.values(balancesDefinition.entities).map(({ options }) => options.tableName), 'checkpoint'];
  return Promise.all(
    tables.map(async (table) => {
      const rows: { row: string }[] = await dataSource.query(
        `SELECT (to_jsonb(t) - 'updated_at')::text AS row FROM ${schema}.${table} AS t ORDER BY 1`,
      );
      return rows.map(({ row }) => row);
    }),
  );
}

/** Rows that nothing has ever disturbed. */
async function undisturbed(position: bigint): Promise<string[][]> {
  const dataSource = await openRows();
  const { runner, reaches } = run(dataSource);
  expect(await reaches(position)).toBe(true);
  await runner.stop();
  return allRows(dataSource);
}

describe('a projection that is rebuilt beside the live one', () => {
  test.each([1, 2, 3])('equals it after a random history, answers instead, and is gone on with (%i)', async (n) => {
    const facts = history(`swap${n}`, SEED + n);
    const half = Math.floor(facts.length / 2);
    const dataSource = await openRows();
    const { reaches, heard } = run(dataSource);
    await reaches(await append(facts.slice(0, half)));

    const [outcome] = await rebuild(dataSource, store, [balancesDefinition], { batchMax: 11 });
    expect(outcome?.tables.filter(({ isEqual }) => !isEqual)).toEqual([]);
    expect(outcome?.tables.map(({ live }) => Number(live.rows) > 0).slice(0, 3)).toEqual([true, true, true]);
    expect(outcome?.swapped).toBe(true);
    expect(await reportOn(dataSource, store, balancesDefinition, 0)).toMatchObject({ hasPrevious: true, hasRebuild: false });

    const last = await append(facts.slice(half));
    expect(await reaches(last)).toBe(true);
    expect(heard).toEqual([]);
    const expected = await undisturbed(last);
    expect(await allRows(dataSource)).toEqual(expected);

    expect(await goBack(dataSource, store, balancesDefinition)).toBe(true);
    expect(await allRows(dataSource)).toEqual(expected);
    expect(await dropBuild(dataSource, balancesDefinition, PREVIOUS_SCHEMA)).toBe(true);
    expect(await goBack(dataSource, store, balancesDefinition)).toBe(false);
  });

  test.each([
    ['an amount', `UPDATE projections.$lot SET remaining = remaining + 1 WHERE (account_id, lot_id) = ($1, $2)`],
    ['a time', `UPDATE projections.$lot SET effective_at = effective_at + interval '1 ms' WHERE (account_id, lot_id) = ($1, $2)`],
    ['a row that is missing', 'DELETE FROM projections.$lot WHERE (account_id, lot_id) = ($1, $2)'],
    ['a row too many', ''],
  ])('finds %s that the live one has wrong, names the row, and swaps nothing', async (what, sql) => {
    const facts = history(`planted ${what}`.replaceAll(' ', ''), SEED + 7);
    const dataSource = await openRows();
    const { runner, reaches } = run(dataSource);
    await reaches(await append(facts));
    await runner.stop();
    const lot = balancesDefinition.entities.lots.options.tableName as string;
    const [row] = await dataSource.query(`SELECT account_id, lot_id FROM projections.${lot} ORDER BY 1, 2 LIMIT 1`);
    const isExtra = what === 'a row too many';
    const plant = isExtra
      ? `INSERT INTO projections.${lot} SELECT (jsonb_populate_record(t, '{"lot_id": "planted"}')).*
           FROM projections.${lot} AS t WHERE (account_id, lot_id) = ($1, $2)`
      : sql.replace('$lot', lot);
    await dataSource.query(plant, [row.account_id, row.lot_id]);
    const before = await allRows(dataSource);

    const [outcome] = await rebuild(dataSource, store, [balancesDefinition]);
    const wrong = outcome?.tables.filter(({ isEqual }) => !isEqual).map(({ table, differing }) => [table, differing]);
    expect(wrong).toEqual([[lot, [`${row.account_id}, ${isExtra ? 'planted' : row.lot_id}`]]]);
    expect(outcome?.swapped).toBe(false);
    expect(await allRows(dataSource)).toEqual(before);
    expect(await reportOn(dataSource, store, balancesDefinition, 0)).toMatchObject({ hasPrevious: false, hasRebuild: true });
  });

  test('finds a stop that only one of the two has', async () => {
    const dataSource = await openRows();
    const { runner, reaches } = run(dataSource);
    await reaches(await append(history('stops', SEED + 8)));
    await runner.stop();
    const { name, version } = balancesDefinition.projection;
    await dataSource.query(
      `INSERT INTO projections.stopped_stream (projection, version, stream, revision, position, event_type, error)
       VALUES ($1, $2, 'account-planted', 1, 1, 'Planted', '')`,
      [name, version],
    );
    const [outcome] = await rebuild(dataSource, store, [balancesDefinition]);
    const wrong = outcome?.tables.filter(({ isEqual }) => !isEqual).map(({ table, differing }) => [table, differing]);
    expect(wrong).toEqual([['stopped_stream', ['account-planted']]]);
  });

  test('does not go back to a build that has stopped other streams: the runner would take its own for them', async () => {
    const dataSource = await openRows();
    const { reaches } = run(dataSource);
    await reaches(await append(history('back', SEED + 9)));
    await rebuild(dataSource, store, [balancesDefinition]);
    const rows = await allRows(dataSource);
    const { name, version } = balancesDefinition.projection;
    await dataSource.query(
      `INSERT INTO projections_previous.stopped_stream (projection, version, stream, revision, position, event_type, error)
       VALUES ($1, $2, 'account-planted', 1, 1, 'Planted', '')`,
      [name, version],
    );
    await expect(goBack(dataSource, store, balancesDefinition)).rejects.toThrow('have stopped different streams');
    expect(await allRows(dataSource)).toEqual(rows);
  });

  test('swaps while events arrive and readers read, who never see an older state', async () => {
    const facts = ['one', 'two', 'three'].flatMap((name, n) => history(`busy${name}`, SEED + 20 + n));
    const dataSource = await openRows();
    const { reaches } = run(dataSource);
    await reaches(await append(facts.slice(0, 30)));

    let over = false;
    const seen: bigint[] = [];
    const account = balancesDefinition.entities.accounts.options.tableName;
    const reading = (async () => {
      while (!over) {
        const [row] = await dataSource.transaction('REPEATABLE READ', async (manager) => {
          await manager.query('SELECT FROM projections.stopped_stream');
          return manager.query(`SELECT COALESCE(max(position), -1) AS position FROM projections.${account}`);
        });
        seen.push(BigInt(row.position));
      }
    })();
    const writing = append(facts.slice(30));
    const outcomes = [];
    for (let n = 0; n < 3; n++) outcomes.push(...(await rebuild(dataSource, store, [balancesDefinition], { anew: true })));
    const last = await writing;
    expect(await reaches(last)).toBe(true);
    over = true;
    await reading;
    expect(outcomes.map(({ swapped }) => swapped)).toEqual([true, true, true]);
    expect(seen.every((position, index) => index === 0 || position >= (seen[index - 1] as bigint))).toBe(true);
    expect(await allRows(dataSource)).toEqual(await undisturbed(last));
  });

  test('waits for a reader with an older snapshot, who would find the new tables empty', async () => {
    const dataSource = await openRows();
    const { reaches } = run(dataSource);
    const last = await append(history('snapshot', SEED + 13));
    await reaches(last);
    const reader = dataSource.createQueryRunner();
    await reader.startTransaction('REPEATABLE READ');
    await reader.query('SELECT FROM projections.stopped_stream');

    const rebuilding = rebuild(dataSource, store, [balancesDefinition]);
    await Promise.race([rebuilding, untilSwapping(dataSource)]);
    const account = balancesDefinition.entities.accounts.options.tableName;
    const [{ position }] = await reader.query(`SELECT COALESCE(max(position), -1) AS position FROM projections.${account}`);
    expect(BigInt(position)).toBe(last);
    await reader.rollbackTransaction();
    await reader.release();
    const [outcome] = await rebuilding;
    expect(outcome?.swapped).toBe(true);
  });

  /** Resolves while a swap holds the runner. */
  async function untilSwapping(dataSource: DataSource): Promise<void> {
    for (;;) {
      const [{ swaps }] = await dataSource.query(
        "SELECT count(*)::integer AS swaps FROM pg_stat_activity WHERE state = 'idle in transaction' AND query ~ 'FOR UPDATE$'",
      );
      if (swaps > 0) return;
    }
  }

  test('goes on where it was interrupted, and begins anew when asked', async () => {
    const dataSource = await openRows();
    const { runner, reaches } = run(dataSource);
    const first = await append(history('interrupted', SEED + 10));
    const last = await append(history('interruptedagain', SEED + 11));
    await reaches(last);
    await runner.stop();
    const begun = await RebuildRun.open(dataSource, store, [balancesDefinition]);
    await begun.foldTo(new Map([[NAME, first]]));
    await begun.close();

    const resumed = await RebuildRun.open(dataSource, store, [balancesDefinition]);
    await resumed.foldTo(new Map([[NAME, last]]));
    await expect(resumed.foldTo(new Map([[NAME, first]]))).rejects.toThrow(/--anew/);
    await resumed.close();
    const all = await rebuildAll(dataSource, store, [balancesDefinition], { anew: true });
    expect(resumed.events).toBe(all - begun.events);
    expect(begun.events).toBeGreaterThan(0);
    const [outcome] = await rebuild(dataSource, store, [balancesDefinition]);
    expect(outcome?.swapped).toBe(true);
  });

  test('is refused to a second program at the same time, and to no other projection', async () => {
    const dataSource = await openRows();
    await withBuilds(dataSource, [balancesDefinition], async () => {
      await expect(rebuild(dataSource, store, DEFINITIONS)).rejects.toThrow(BuildInUse);
      await expect(goBack(dataSource, store, balancesDefinition)).rejects.toThrow(BuildInUse);
      expect(await withBuilds(dataSource, [providerUsageDefinition], async () => 'free')).toBe('free');
    });
    expect(await withBuilds(dataSource, DEFINITIONS, async () => 'free')).toBe('free');
  });

  test('is built together with others by one reading, each to where its live one is', async () => {
    const dataSource = await openRows();
    const { runner, reaches } = run(dataSource);
    const last = await append(history('together', SEED + 12));
    await reaches(last);
    await runner.stop();
    let reads = 0;
    const counting = new Proxy(store, {
      get(target, name) {
        if (name === 'readAllMessages') reads += 1;
        const value = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    await rebuildAll(dataSource, counting, DEFINITIONS);
    expect(reads).toBe(1);
    // The other one has never run live: there is nothing that it could be compared with, at no position.
    const outcomes = await rebuild(dataSource, store, [balancesDefinition]);
    expect(outcomes.map(({ name, swapped, position }) => [name, swapped, position])).toEqual([[NAME, true, last]]);
  });
});
