import type { DataSource, EntityMetadata, QueryRunner } from 'typeorm';
import type { AnyProjectionDefinition } from '../stored-projection.js';

/** What a table holds, in a few figures that do not depend on the order of its rows. */
export interface TableFigures {
  readonly table: string;
  readonly rows: string;
  /** Of every numeric column. Decimal text, as the database computes it. */
  readonly sums: Readonly<Record<string, string>>;
  /** Two sums of 64-bit hashes over the texts of all rows. */
  readonly hash: string;
}

/** A table as SQL sees it, for one projection. */
export interface ComparedTable {
  readonly table: string;
  /** Columns of the key. */
  readonly keys: readonly string[];
  readonly numeric: readonly string[];
  /** A condition on its rows, and the expression that stands for a whole row, which is called `t`. */
  readonly where: string;
  readonly row: string;
}

const NUMERIC: ReadonlySet<string> = new Set(['numeric', 'bigint', 'integer']);

/** All tables in which two builds of a projection must be equal: its rows, and the streams that it has stopped. */
export function comparedTables(dataSource: DataSource, { projection, entities }: AnyProjectionDefinition): ComparedTable[] {
  const own = Object.values(entities).map((entity): ComparedTable => {
    const { tableName, columns }: EntityMetadata = dataSource.getMetadata(entity as never);
    const numeric = columns.filter((column) => NUMERIC.has(dataSource.driver.normalizeType(column)));
    return {
      table: tableName,
      keys: columns.filter(({ isPrimary }) => isPrimary).map(({ databaseName }) => databaseName),
      numeric: numeric.map(({ databaseName }) => databaseName),
      where: 'true',
      row: 't::text',
    };
  });
  const stops: ComparedTable = {
    table: 'stopped_stream',
    keys: ['stream'],
    numeric: ['revision'],
    where: `projection = '${projection.name}' AND version = ${projection.version}`,
    // Without the time at which it was noticed, and the place in the code.
    row: '(t.stream, t.revision, t.position, t.event_type)::text',
  };
  return [...own, stops];
}

const HASH = (row: string) => `COALESCE(sum(hashtextextended(${row}, 0)::numeric), 0)::text || ' ' ||
  COALESCE(sum(hashtextextended(${row}, 1)::numeric), 0)::text`;

/** Computes the figures of a table where it is; nothing of its rows comes here. */
export async function figuresOf(session: QueryRunner, schema: string, compared: ComparedTable): Promise<TableFigures> {
  const { table, numeric, where, row } = compared;
  const sums = numeric.map((column, n) => `COALESCE(sum(t."${column}"), 0)::text AS sum_${n}`);
  const [found] = await session.query(
    `SELECT ${['count(*)::text AS rows', `${HASH(row)} AS hash`, ...sums].join(', ')} FROM ${schema}."${table}" AS t WHERE ${where}`,
  );
  const bySum = numeric.map((column, n): [string, string] => [column, found[`sum_${n}`]]);
  return { table, rows: found.rows, sums: Object.fromEntries(bySum), hash: found.hash };
}

export const areEqual = (a: TableFigures, b: TableFigures): boolean =>
  a.rows === b.rows && a.hash === b.hash && Object.entries(a.sums).every(([column, sum]) => b.sums[column] === sum);

const BUCKETS = 4_096;
const DIFFERING_MAX = 20;

/** A session and the schema to look at in it. */
export interface Side {
  readonly session: QueryRunner;
  readonly schema: string;
}

/**
 * Keys of up to 20 rows that the sides do not have alike. Each side has a snapshot of its own, so they are held together here:
 * first by hashes of 4096 parts of the table, then key by key in parts that differ.
 */
export async function differingKeys(live: Side, rebuilt: Side, compared: ComparedTable): Promise<string[]> {
  const [here, there] = [await bucketsOf(live, compared), await bucketsOf(rebuilt, compared)];
  const differing = [...new Set([...here.keys(), ...there.keys()])].filter((part) => here.get(part) !== there.get(part));
  const parts = differing.slice(0, DIFFERING_MAX);
  const [mine, theirs] = [await rowsIn(live, compared, parts), await rowsIn(rebuilt, compared, parts)];
  const keys = [...new Set([...mine.keys(), ...theirs.keys()])].filter((key) => mine.get(key) !== theirs.get(key));
  return keys.sort().slice(0, DIFFERING_MAX);
}

const keyText = ({ keys }: ComparedTable) => `concat_ws(', ', ${keys.map((key) => `t."${key}"::text`).join(', ')})`;
const bucket = (compared: ComparedTable) => `(hashtextextended(${keyText(compared)}, 0) & ${BUCKETS - 1})`;

async function bucketsOf({ session, schema }: Side, compared: ComparedTable): Promise<Map<string, string>> {
  const found: { part: string; hash: string }[] = await session.query(
    `SELECT ${bucket(compared)}::text AS part, ${HASH(compared.row)} AS hash
       FROM ${schema}."${compared.table}" AS t WHERE ${compared.where} GROUP BY 1`,
  );
  return new Map(found.map(({ part, hash }) => [part, hash]));
}

async function rowsIn(
  { session, schema }: Side,
  compared: ComparedTable,
  parts: readonly string[],
): Promise<Map<string, string>> {
  const found: { key: string; hash: string }[] = await session.query(
    `SELECT ${keyText(compared)} AS key, hashtextextended(${compared.row}, 0)::text AS hash
       FROM ${schema}."${compared.table}" AS t WHERE ${compared.where} AND ${bucket(compared)} = ANY($1::bigint[])`,
    [parts],
  );
  return new Map(found.map(({ key, hash }) => [key, hash]));
}
