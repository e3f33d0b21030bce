import { type DataSource, Table } from 'typeorm';

/** The PostgreSQL schema that holds every read model. Dropping it loses nothing: it is built again from the events. */
export const SCHEMA = 'projections';

/** A projection, and the schema its rows are in where that is not the one that answers: it is being built anew there. */
export interface Named {
  readonly name: string;
  readonly version: number;
  readonly schema?: string;
}

/** The advisory lock of the runner that leads a projection; `hashtextextended` makes a number of it. */
export const leadLock = ({ name, version }: Named): string => `${SCHEMA} ${name} v${version}`;

/** The name of a projection's table. A new version has tables of its own, so it can be built beside the one that answers. */
export const tableName = (name: string, version: number): string => `${name}_v${version}`;

/**
 * Creates what is missing; may run in many processes at once. Tables are never altered: other columns are a new version of the
 * projection, in new tables.
 */
export async function createTables(dataSource: DataSource): Promise<void> {
  await dataSource.transaction(async ({ queryRunner }) => {
    if (!queryRunner) throw new Error('a transaction runs on one connection');
    await queryRunner.query(`SELECT pg_advisory_xact_lock(hashtextextended('create ${SCHEMA}', 0))`);
    await queryRunner.createSchema(SCHEMA, true);
    for (const metadata of dataSource.entityMetadatas) {
      await queryRunner.createTable(Table.create(metadata, dataSource.driver), true);
    }
  });
}
