import type { Rows } from './projection.js';

/** The rows of one table that a batch touches, and what the fold changed of them. */
export class RowSet<Row extends object> implements Rows<Row> {
  /** undefined: known not to exist. */
  private readonly rows = new Map<string, Row | undefined>();
  private readonly named = new Map<string, Partial<Row>>();
  private readonly stored = new Set<string>();
  private readonly changed = new Set<string>();

  constructor(
    private readonly table: string,
    private readonly keyColumns: readonly (keyof Row & string)[],
  ) {}

  /** Admits a row that an event names. It does not exist unless it is loaded. */
  name(key: Partial<Row>): void {
    const id = this.idOf(key);
    if (this.named.has(id)) return;
    this.named.set(id, key);
    this.rows.set(id, undefined);
  }

  /** The keys that were named, once each. */
  keys(): Partial<Row>[] {
    return [...this.named.values()];
  }

  /** Fills in the rows that the database has. */
  load(rows: readonly Row[]): void {
    for (const row of rows) {
      const id = this.idOf(row);
      this.rows.set(id, row);
      this.stored.add(id);
    }
  }

  find(key: Partial<Row>): Row | undefined {
    return this.rows.get(this.namedIdOf(key));
  }

  get(key: Partial<Row>): Row {
    const row = this.find(key);
    if (!row) throw new Error(`there is no row ${this.describe(key)}`);
    return row;
  }

  put(row: Row): void {
    const id = this.namedIdOf(row);
    this.rows.set(id, row);
    this.changed.add(id);
  }

  delete(key: Partial<Row>): void {
    const id = this.namedIdOf(key);
    this.rows.set(id, undefined);
    this.changed.add(id);
  }

  /** What the database must be told. A row that came and went within the batch is in neither list. */
  changes(): { upserts: Row[]; deletes: Partial<Row>[] } {
    const upserts: Row[] = [];
    const deletes: Partial<Row>[] = [];
    for (const id of this.changed) {
      const row = this.rows.get(id);
      if (row) upserts.push(row);
      else if (this.stored.has(id)) deletes.push(this.named.get(id) as Partial<Row>);
    }
    return { upserts, deletes };
  }

  private namedIdOf(key: Partial<Row>): string {
    const id = this.idOf(key);
    if (!this.named.has(id)) throw new Error(`the event does not name row ${this.describe(key)}`);
    return id;
  }

  /** The values of the key, apart by a character that no text in PostgreSQL can hold. */
  private idOf(key: Partial<Row>): string {
    let id = '';
    for (const column of this.keyColumns) id += id === '' ? key[column] : `\0${key[column]}`;
    return id;
  }

  private describe(key: Partial<Row>): string {
    return `${this.table} (${this.keyColumns.map((column) => key[column]).join(', ')})`;
  }
}
