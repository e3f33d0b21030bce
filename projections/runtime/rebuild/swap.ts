import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource, QueryRunner } from 'typeorm';
import { type Named, SCHEMA } from '../schema.js';
import type { AnyProjectionDefinition } from '../stored-projection.js';
import {
  type BuildSchema,
  createBuildSchema,
  dropBuildIn,
  namedOf,
  PREVIOUS_SCHEMA,
  REBUILD_SCHEMA,
  SHARED_TABLES,
  tablesOf,
} from './builds.js';

/** Below PostgreSQL's deadlock_timeout: where a swap and a reader wait for each other, the swap gives way. */
const LOCK_TIMEOUT_MS = 500;
const READERS_TIMEOUT_MS = 2_000;
const POLL_MS = 20;
const PAUSE_MS = 100;
const SWAPPING_SCHEMA = 'projections_swapping';
/** SQLSTATE: lock_not_available, deadlock_detected. */
const IN_THE_WAY: ReadonlySet<string> = new Set(['55P03', '40P01']);

class ReadersInTheWay extends Error {}

/**
 * Lets another build of a projection answer, and keeps the one that answered as the previous. One transaction: tables change
 * their schema, so the statements of readers stay as they are.
 *
 * The live runner is held for that moment, at the row of its checkpoint, while the build is folded to where it is: no reader
 * sees an older state than before. Readers with a snapshot from before that are waited for, as they would find the new tables as
 * they were then.
 * @param catchUp folds the build to exactly this position
 * @param patienceMs how long readers are let pass before it is given up
 */
export async function swapIn(
  dataSource: DataSource,
  definition: AnyProjectionDefinition,
  build: BuildSchema,
  catchUp: (position: bigint) => Promise<void>,
  patienceMs = 60_000,
): Promise<void> {
  const until = performance.now() + patienceMs;
  for (;;) {
    const session = dataSource.createQueryRunner();
    try {
      await session.startTransaction();
      await swapWithin(dataSource, session, definition, build, catchUp);
      await session.commitTransaction();
      return;
    } catch (error) {
      await session.rollbackTransaction().catch(() => undefined);
      if (!isInTheWay(error)) throw error;
      if (performance.now() > until)
        throw new Error('Readers did not let the tables go: some transaction is open for long. Nothing was swapped.');
    } finally {
      await session.release();
    }
    await delay(PAUSE_MS);
  }
}

async function swapWithin(
  dataSource: DataSource,
  session: QueryRunner,
  definition: AnyProjectionDefinition,
  build: BuildSchema,
  catchUp: (position: bigint) => Promise<void>,
): Promise<void> {
  const live = namedOf(definition, SCHEMA);
  const tables = tablesOf(dataSource, definition);
  await session.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
  await createBuildSchema(session, PREVIOUS_SCHEMA);
  const [row] = await session.query(
    `SELECT position, pg_backend_pid() AS pid FROM ${SCHEMA}.checkpoint WHERE projection = $1 AND version = $2 FOR UPDATE`,
    [live.name, live.version],
  );
  if (!row) throw new Error(`Projection ${live.name} v${live.version} has never run: there is nothing to swap.`);
  await catchUp(BigInt(row.position));
  await mustHaveSameStops(session, live, build);
  await untilOldSnapshotsEnd(dataSource, row.pid);
  const all = [SCHEMA, build].flatMap((schema) => tables.map((table) => `${schema}."${table}"`));
  await session.query(`LOCK TABLE ${all.join(', ')} IN ACCESS EXCLUSIVE MODE`);

  if (build === REBUILD_SCHEMA) await dropBuildIn(session, namedOf(definition, PREVIOUS_SCHEMA), tables);
  else if (definition.cache)
    // Made from rows that answer no more.
    await session.query(`DELETE FROM ${SCHEMA}."${dataSource.getMetadata(definition.cache.entity).tableName}"`);
  await session.query(`CREATE SCHEMA ${SWAPPING_SCHEMA}`);
  for (const table of tables) {
    await session.query(`ALTER TABLE ${SCHEMA}."${table}" SET SCHEMA ${SWAPPING_SCHEMA}`);
    await session.query(`ALTER TABLE ${build}."${table}" SET SCHEMA ${SCHEMA}`);
    await session.query(`ALTER TABLE ${SWAPPING_SCHEMA}."${table}" SET SCHEMA ${PREVIOUS_SCHEMA}`);
  }
  await session.query(`DROP SCHEMA ${SWAPPING_SCHEMA}`);
  for (const table of SHARED_TABLES) await exchangeRows(session, table, live, build);
}

/** A runner that leads remembers which streams are stopped, and goes on from the checkpoint that it finds where it left it. */
async function mustHaveSameStops(session: QueryRunner, { name, version }: Named, build: BuildSchema): Promise<void> {
  const stops = (schema: string) => `SELECT stream FROM ${schema}.stopped_stream WHERE projection = $1 AND version = $2`;
  const only = (a: string, b: string) => `(${stops(a)} EXCEPT ${stops(b)})`;
  const [{ differ }] = await session.query(`SELECT EXISTS (${only(SCHEMA, build)} UNION ALL ${only(build, SCHEMA)}) AS differ`, [
    name,
    version,
  ]);
  if (differ)
    throw new Error(
      `The builds of ${name} have stopped different streams: a running one would mix them up. Nothing was swapped.`,
    );
}

/** What the shared tables say of the live build goes to the previous one, and what they say of the build becomes live. */
async function exchangeRows(session: QueryRunner, table: string, { name, version }: Named, build: BuildSchema): Promise<void> {
  const its = 'projection = $1 AND version = $2';
  const take = (schema: string): Promise<{ row: string }[]> =>
    session.query(
      `WITH gone AS (DELETE FROM ${schema}.${table} WHERE ${its} RETURNING *) SELECT to_jsonb(gone)::text AS row FROM gone`,
      [name, version],
    );
  const give = async (schema: string, rows: readonly { row: string }[]) => {
    for (const { row } of rows)
      await session.query(
        `INSERT INTO ${schema}.${table} SELECT * FROM jsonb_populate_record(NULL::${schema}.${table}, $1::jsonb)`,
        [row],
      );
  };
  const [fromLive, fromBuild] = [await take(SCHEMA), await take(build)];
  await give(PREVIOUS_SCHEMA, fromLive);
  await give(SCHEMA, fromBuild);
}

/** @param swapping the server process that holds the runner: whoever waits for it sees what it commits */
async function untilOldSnapshotsEnd(dataSource: DataSource, swapping: number): Promise<void> {
  const [{ now }] = await dataSource.query('SELECT clock_timestamp()::text AS now');
  const until = performance.now() + READERS_TIMEOUT_MS;
  for (;;) {
    const [{ readers }] = await dataSource.query(
      `SELECT count(*)::integer AS readers FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid NOT IN (pg_backend_pid(), $2)
          AND backend_xmin IS NOT NULL AND xact_start < $1::timestamptz AND NOT $2 = ANY(pg_blocking_pids(pid))`,
      [now, swapping],
    );
    if (readers === 0) return;
    if (performance.now() > until) throw new ReadersInTheWay();
    await delay(POLL_MS);
  }
}

const isInTheWay = (error: unknown): boolean =>
  error instanceof ReadersInTheWay || IN_THE_WAY.has((error as { driverError?: { code?: string } }).driverError?.code ?? '');
