import type { Fact, Projection, Rows, RowsOf } from './projection.js';

/** Tables in memory, for a fold that is looked at and thrown away: the past of a stream, or what is ahead of the stored rows. */
export class MemoryTables<Tables extends object> {
  private readonly tables: { readonly [Table in keyof Tables]: MemoryRows<Tables[Table]> };

  constructor(private readonly projection: Projection<Tables>) {
    this.tables = Object.fromEntries(
      Object.entries(projection.keys).map(([table, keys]) => [table, new MemoryRows(table, keys as never[])]),
    ) as never;
  }

  /** Takes in rows as they were stored. */
  load<Table extends keyof Tables>(table: Table, rows: readonly Tables[Table][]): void {
    for (const row of rows) this.tables[table].put(row);
  }

  /** Throws where the event is unknown or impossible. */
  fold(fact: Fact): void {
    this.projection.fold(this.tables as RowsOf<Tables>, fact);
  }

  rows<Table extends keyof Tables>(table: Table): Tables[Table][] {
    return this.tables[table].all();
  }
}

class MemoryRows<Row> implements Rows<Row> {
  private readonly byKey = new Map<string, Row>();

  constructor(
    private readonly table: string,
    private readonly keys: readonly (keyof Row)[],
  ) {}

  find(key: Partial<Row>): Row | undefined {
    return this.byKey.get(this.idOf(key));
  }

  get(key: Partial<Row>): Row {
    const row = this.find(key);
    if (!row) throw new Error(`there is no row ${this.table} (${this.idOf(key)})`);
    return row;
  }

  put(row: Row): void {
    this.byKey.set(this.idOf(row as Partial<Row>), row);
  }

  delete(key: Partial<Row>): void {
    this.byKey.delete(this.idOf(key));
  }

  all(): Row[] {
    return [...this.byKey.values()];
  }

  private idOf(key: Partial<Row>): string {
    return this.keys.map((column) => key[column]).join('\0');
  }
}
