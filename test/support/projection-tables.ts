import type { Fact, Projection } from '../../projections/runtime/projection.js';
import { RowSet } from '../../projections/runtime/row-set.js';

/** The tables of a projection in memory, folded in batches as the runtime does it. */
export class Tables<T extends object> {
  readonly rows: { readonly [Table in keyof T]: Map<string, T[Table]> };
  private readonly names: readonly (keyof T & string)[];

  constructor(private readonly projection: Projection<T>) {
    this.names = Object.keys(projection.keys) as (keyof T & string)[];
    this.rows = Object.fromEntries(this.names.map((name) => [name, new Map()])) as never;
  }

  fold(batch: readonly Fact[]): this {
    const sets = Object.fromEntries(this.names.map((name) => [name, this.open(name, batch)])) as unknown as {
      [Table in keyof T]: RowSet<T[Table] & object>;
    };
    for (const fact of batch) this.projection.fold(sets as never, fact);
    for (const name of this.names) this.keep(name, sets[name]);
    return this;
  }

  of<Table extends keyof T>(table: Table, accountId: string): T[Table][] {
    return [...this.rows[table].values()].filter((row) => (row as { accountId?: string }).accountId === accountId);
  }

  /** All rows of all tables, in the order of their keys. */
  sorted() {
    const tables: ReadonlyMap<string, unknown>[] = Object.values(this.rows);
    return tables.map((rows) => [...rows.entries()].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  private open<Table extends keyof T & string>(table: Table, batch: readonly Fact[]): RowSet<T[Table] & object> {
    const rows = new RowSet<T[Table] & object>(table, this.projection.keys[table] as never);
    for (const fact of batch) for (const key of this.projection.rowsOf(fact)[table]) rows.name(key as never);
    const stored = rows.keys().map((key) => this.rows[table].get(this.idOf(table, key)));
    rows.load(stored.filter((row) => row !== undefined) as never[]);
    return rows;
  }

  private keep<Table extends keyof T & string>(table: Table, rows: RowSet<T[Table] & object>): void {
    const { inserts, updates, deletes } = rows.changes();
    for (const row of [...inserts, ...updates]) this.rows[table].set(this.idOf(table, row), row);
    for (const key of deletes) this.rows[table].delete(this.idOf(table, key));
  }

  private idOf<Table extends keyof T>(table: Table, key: object): string {
    return this.projection.keys[table].map((column) => String((key as Record<string, unknown>)[column])).join('/');
  }
}
