import type { DataSource } from 'typeorm';
import { isHeld } from '../projection-report.js';
import { leadLock, SCHEMA } from '../schema.js';
import type { AnyProjectionDefinition } from '../stored-projection.js';
import { SHARED_TABLES } from './builds.js';

/** A table of the read models that this program does not use. */
export interface UnusedTable {
  readonly table: string;
  /** The projection of which it is a table of an older version; undefined where that cannot be told, or it is of a newer one. */
  readonly projection: string | undefined;
}

const VERSIONED = /^(.+)_v(\d{1,9})$/;

/** Tables that no projection of this program has, in the order of their names. Those of a newer program are among them. */
export async function unusedTables(
  dataSource: DataSource,
  definitions: readonly AnyProjectionDefinition[],
): Promise<UnusedTable[]> {
  const known = new Map<string, { readonly projection: string; readonly version: number }>();
  const used = new Set<string>(SHARED_TABLES);
  for (const { projection, entities, cache } of definitions) {
    for (const entity of [...Object.values(entities), ...(cache ? [cache.entity] : [])]) {
      const { tableName } = dataSource.getMetadata(entity as never);
      used.add(tableName);
      const [, base, version] = VERSIONED.exec(tableName) ?? [];
      if (base !== undefined) known.set(base, { projection: projection.name, version: Number(version) });
    }
  }
  const rows: { tablename: string }[] = await dataSource.query(
    'SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY tablename',
    [SCHEMA],
  );
  return rows
    .filter(({ tablename }) => !used.has(tablename))
    .map(({ tablename }) => {
      const [, base = '', version] = VERSIONED.exec(tablename) ?? [];
      const owner = known.get(base);
      return { table: tablename, projection: owner && Number(version) < owner.version ? owner.projection : undefined };
    });
}

/**
 * Drops what older versions of a projection have left: tables, checkpoints and stops. Throws where a program that runs still leads
 * one of them.
 * @returns the names of the tables
 */
export async function dropOldVersions(
  dataSource: DataSource,
  definitions: readonly AnyProjectionDefinition[],
  { projection: { name, version } }: AnyProjectionDefinition,
): Promise<string[]> {
  const old: { version: number }[] = await dataSource.query(
    `SELECT version FROM ${SCHEMA}.checkpoint WHERE projection = $1 AND version < $2`,
    [name, version],
  );
  for (const each of old) {
    if (await isHeld(dataSource, leadLock({ name, version: each.version })))
      throw new Error(`Version ${each.version} of ${name} is still kept up to date by a program that runs: stop that one first.`);
  }
  const tables = (await unusedTables(dataSource, definitions))
    .filter(({ projection }) => projection === name)
    .map((each) => each.table);
  await dataSource.transaction(async (manager) => {
    for (const table of tables) await manager.query(`DROP TABLE IF EXISTS ${SCHEMA}."${table}"`);
    for (const shared of SHARED_TABLES)
      await manager.query(`DELETE FROM ${SCHEMA}.${shared} WHERE projection = $1 AND version < $2`, [name, version]);
  });
  return tables;
}
