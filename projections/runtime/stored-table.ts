import type { DataSource, EntitySchema, QueryRunner } from 'typeorm';
import type { RowCheck, RowSet } from './row-set.js';
import { SCHEMA } from './schema.js';
import { fitsIndex, holderOf } from './storable.js';

interface StoredColumn {
  readonly property: string;
  readonly name: string;
  readonly type: string;
  readonly toDatabase: (value: unknown) => unknown;
  readonly fromDatabase: (value: unknown) => unknown;
  readonly canHold: (value: unknown) => boolean;
}

/**
 * One table of a projection, read and written in bulk: one statement per batch, whatever the number of rows, with one array
 * for each column. The columns come from the entity, so that both TypeORM's reads and these writes agree on them.
 */
export class StoredTable<Row extends object> implements RowCheck<Row> {
  /** Quoted, with its schema. */
  readonly path: string;
  private readonly columns: readonly StoredColumn[];
  private readonly keyColumns: readonly StoredColumn[];
  private readonly sql: { readonly [Name in 'load' | 'insert' | 'upsert' | 'delete' | 'truncate']: string };

  constructor(dataSource: DataSource, entity: EntitySchema<Row>, keys: readonly string[], schema: string = SCHEMA) {
    const metadata = dataSource.getMetadata(entity);
    this.path = `"${schema}"."${metadata.tableName}"`;
    this.columns = metadata.columns.map((column) => {
      const type = dataSource.driver.normalizeType(column);
      return {
        property: column.propertyName,
        name: column.databaseName,
        type,
        toDatabase: transformerOf(column.transformer)?.to ?? unchanged,
        fromDatabase: transformerOf(column.transformer)?.from ?? unchanged,
        canHold: holderOf(type, column.isNullable),
      };
    });
    this.keyColumns = keys.map((key) => this.column(key));
    this.sql = this.statements();
  }

  /** Throws where no row can have this key. */
  checkKey(key: Partial<Row>): void {
    for (const column of this.keyColumns) {
      const value = key[column.property as keyof Row];
      if (!column.canHold(value) || !fitsIndex(value)) throw this.misfit(column);
    }
  }

  /** Throws where the table cannot hold this row. */
  checkRow(row: Row, before: Row | undefined): void {
    for (const column of this.columns) {
      const value = row[column.property as keyof Row];
      if (before && value === before[column.property as keyof Row]) continue;
      if (!column.canHold(value)) throw this.misfit(column);
    }
  }

  /** Loads the rows that a batch has named. */
  async load(queryRunner: QueryRunner, rows: RowSet<Row>): Promise<void> {
    const keys = rows.keys();
    if (keys.length === 0) return;
    const found: Record<string, unknown>[] = await queryRunner.query(this.sql.load, arraysOf(keys, this.keyColumns));
    rows.load(found.map((row) => this.rowOf(row)));
  }

  /** Writes what the fold has changed. */
  async write(queryRunner: QueryRunner, rows: RowSet<Row>): Promise<void> {
    const { inserts, updates, deletes } = rows.changes();
    if (inserts.length > 0) await queryRunner.query(this.sql.insert, arraysOf(inserts, this.columns));
    if (updates.length > 0) await queryRunner.query(this.sql.upsert, arraysOf(updates, this.columns));
    if (deletes.length > 0) await queryRunner.query(this.sql.delete, arraysOf(deletes, this.keyColumns));
  }

  /** Forgets everything, before a rebuild. */
  async clear(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(this.sql.truncate);
  }

  /** The columns of a row that a statement calls `alias`, named so that `rowOf` finds them. */
  selected(alias: string): string {
    return this.columns.map((column) => `${alias}.${quoted(column)} AS "${column.property}"`).join(', ');
  }

  /** A row as the projection sees it, of what `selected` selected. */
  rowOf(found: Record<string, unknown>): Row {
    const row: Record<string, unknown> = {};
    for (const { property, fromDatabase } of this.columns) row[property] = fromDatabase(found[property]);
    return row as Row;
  }

  private misfit({ name }: StoredColumn): TypeError {
    return new TypeError(`${this.path} cannot hold this ${name}`);
  }

  private column(property: string): StoredColumn {
    const column = this.columns.find((candidate) => candidate.property === property);
    if (!column) throw new Error(`${this.path} has no column for ${property}`);
    return column;
  }

  private statements() {
    const names = this.columns.map(quoted).join(', ');
    const assigned = this.columns
      .filter((column) => !this.keyColumns.includes(column))
      .map((c) => `${quoted(c)} = EXCLUDED.${quoted(c)}`);
    const keySet = `${unnested(this.keyColumns)} AS k(${this.keyColumns.map(quoted).join(', ')})`;
    const sameKey = this.keyColumns.map((column) => `t.${quoted(column)} = k.${quoted(column)}`).join(' AND ');
    // Key by key through the index, whatever the planner thinks of their number: a limit keeps it from reading the whole table.
    const one = (what: string) =>
      `SELECT f.* FROM ${keySet} CROSS JOIN LATERAL (SELECT ${what} FROM ${this.path} AS t WHERE ${sameKey} LIMIT 1) AS f`;
    const insert = `INSERT INTO ${this.path} (${names}) SELECT * FROM ${unnested(this.columns)}`;
    return {
      load: one(this.selected('t')),
      insert,
      upsert: `${insert} ON CONFLICT (${this.keyColumns.map(quoted).join(', ')}) DO UPDATE SET ${assigned.join(', ')}`,
      delete: `DELETE FROM ${this.path} WHERE ctid = ANY (ARRAY(${one('t.ctid')}))`,
      truncate: `TRUNCATE ${this.path}`,
    };
  }
}

type Transformer = { readonly to: (value: unknown) => unknown; readonly from: (value: unknown) => unknown };
const transformerOf = (transformer: unknown): Transformer | undefined => transformer as Transformer | undefined;
const unchanged = (value: unknown): unknown => value;
const quoted = ({ name }: StoredColumn): string => `"${name}"`;
const unnested = (columns: readonly StoredColumn[]): string =>
  `unnest(${columns.map(({ type }, index) => `$${index + 1}::${type}[]`).join(', ')})`;

/** One array for each column, as PostgreSQL writes arrays. */
const arraysOf = (rows: readonly object[], columns: readonly StoredColumn[]): string[] =>
  columns.map((column) => arrayOf(rows as readonly Record<string, unknown>[], column));

function arrayOf(rows: readonly Record<string, unknown>[], { property, type, toDatabase }: StoredColumn): string {
  let text = '{';
  for (const row of rows) {
    const value = toDatabase(row[property]);
    if (text.length > 1) text += ',';
    if (value === null) text += 'NULL';
    else if (type === 'text') text += element(value as string);
    else if (type === 'jsonb') text += element(JSON.stringify(value));
    else if (typeof value === 'string') text += `"${value}"`;
    else text += value;
  }
  return `${text}}`;
}

const ESCAPED = /["\\]/g;
const element = (text: string): string => `"${text.includes('"') || text.includes('\\') ? text.replace(ESCAPED, '\\$&') : text}"`;
