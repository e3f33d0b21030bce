import type { DataSource, QueryRunner } from 'typeorm';
import { createCheckpoint } from '../checkpoint.js';
import { type Named, SCHEMA } from '../schema.js';
import type { AnyProjectionDefinition } from '../stored-projection.js';

/** Where a projection is built anew, and where the rows are kept that answered before. */
export const REBUILD_SCHEMA = 'projections_rebuild';
export const PREVIOUS_SCHEMA = 'projections_previous';
export type BuildSchema = typeof REBUILD_SCHEMA | typeof PREVIOUS_SCHEMA;

/** Tables that all projections of a schema share. */
export const SHARED_TABLES = ['checkpoint', 'stopped_stream'] as const;

/** Somebody else rebuilds, swaps or discards this projection now. */
export class BuildInUse extends Error {
  constructor({ name, version }: Named) {
    super(`Projection ${name} v${version} is being rebuilt, swapped or discarded by another program at this moment.`);
  }
}

export const namedOf = ({ projection: { name, version } }: AnyProjectionDefinition, schema: string): Required<Named> => ({
  name,
  version,
  schema,
});

/** Names of the tables that hold a projection's rows, without its cache. */
export const tablesOf = (dataSource: DataSource, { entities }: AnyProjectionDefinition): string[] =>
  Object.values(entities).map((entity) => dataSource.getMetadata(entity as never).tableName);

/**
 * Does something with the builds of projections while nobody else does, in any process: two at once would fold into the same
 * tables. Throws BuildInUse at once where somebody does. The locks end with the connection.
 */
export async function withBuilds<T>(
  dataSource: DataSource,
  definitions: readonly AnyProjectionDefinition[],
  work: () => Promise<T>,
): Promise<T> {
  const session = dataSource.createQueryRunner();
  const taken: string[] = [];
  try {
    for (const { projection } of definitions) {
      const lock = `${REBUILD_SCHEMA} ${projection.name} v${projection.version}`;
      const [{ locked }] = await session.query('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked', [lock]);
      if (!locked) throw new BuildInUse(projection);
      taken.push(lock);
    }
    return await work();
  } finally {
    for (const lock of taken)
      await session.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [lock]).catch(() => undefined);
    await session.release();
  }
}

/** Creates the tables of a build that are missing, like those that answer. */
export async function createBuild(dataSource: DataSource, definition: AnyProjectionDefinition, schema: BuildSchema) {
  await dataSource.transaction(async ({ queryRunner }) => {
    const session = queryRunner as QueryRunner;
    await createBuildSchema(session, schema);
    for (const table of tablesOf(dataSource, definition)) await createLike(session, schema, table);
    await createCheckpoint(session, namedOf(definition, schema));
  });
}

/** Creates a schema for builds and what all projections share there. */
export async function createBuildSchema(session: QueryRunner, schema: BuildSchema): Promise<void> {
  await session.query(`SELECT pg_advisory_xact_lock(hashtextextended('create ${schema}', 0))`);
  await session.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
  for (const table of SHARED_TABLES) await createLike(session, schema, table);
}

const createLike = (session: QueryRunner, schema: string, table: string) =>
  session.query(`CREATE TABLE IF NOT EXISTS ${schema}."${table}" (LIKE ${SCHEMA}."${table}" INCLUDING ALL)`);

/** Whether there is a build of a projection in a schema, begun or whole. */
export async function hasBuild(database: Pick<DataSource, 'query'>, { name, version }: Named, schema: BuildSchema) {
  const [{ known }] = await database.query(`SELECT to_regclass('${schema}.checkpoint') IS NOT NULL AS known`);
  if (!known) return false;
  const where = `${schema}.checkpoint WHERE projection = $1 AND version = $2`;
  return (await database.query(`SELECT FROM ${where}`, [name, version])).length > 0;
}

/** Drops a build with its rows. @returns whether there was one */
export async function dropBuild(dataSource: DataSource, definition: AnyProjectionDefinition, schema: BuildSchema) {
  const named = namedOf(definition, schema);
  if (!(await hasBuild(dataSource, named, schema))) return false;
  await dataSource.transaction(async ({ queryRunner }) =>
    dropBuildIn(queryRunner as QueryRunner, named, tablesOf(dataSource, definition)),
  );
  return true;
}

/** … in a transaction, where the schema is known to be there. */
export async function dropBuildIn(session: QueryRunner, { name, version, schema }: Required<Named>, tables: readonly string[]) {
  for (const table of tables) await session.query(`DROP TABLE IF EXISTS ${schema}."${table}"`);
  for (const table of SHARED_TABLES)
    await session.query(`DELETE FROM ${schema}.${table} WHERE projection = $1 AND version = $2`, [name, version]);
}
