import type { Rows } from './projection.js';

/** Throws where the table cannot hold what it is given. */
export interface RowCheck<Row> {
  checkKey(key: Partial<Row>): void;
  /** @param before the row that this one replaces: what it has in common with it was checked */
  checkRow(row: Row, before: Row | undefined): void;
}

/** An event that names many rows (an expiry of many lots) looks its others up by their ids. */
const SHOWN_SEARCH_MAX = 8;

const HOLDS_ANYTHING: RowCheck<unknown> = { checkKey() {}, checkRow() {} };

/** A row that an event of the batch has named. */
export interface NamedRow<Row> {
  readonly key: Partial<Row>;
  /** undefined: known not to exist. */
  row: Row | undefined;
  isStored: boolean;
  isChanged: boolean;
  /** That of the event which sees it, counted from 1 in each batch. */
  turn: number;
  /** The event that has changed it last, and what it was before that event. */
  changedIn: number;
  before: Row | undefined;
  wasChanged: boolean;
}

/**
 * The rows of one table that a batch touches, and what the fold changed of them. What one event has changed can be taken back as
 * long as no other has begun.
 */
export class RowSet<Row extends object> implements Rows<Row> {
  private readonly named = new Map<string, NamedRow<Row>>();
  /** What the event that is folded has named: few, so that looking through them costs less than to build and hash an id. */
  private readonly shown: NamedRow<Row>[] = [];
  /** Changed since `begin`. */
  private readonly replaced: NamedRow<Row>[] = [];
  /** 0: no event has begun, and all rows are seen. */
  private turn = 0;

  constructor(
    private readonly table: string,
    private readonly keyColumns: readonly (keyof Row & string)[],
    private readonly check: RowCheck<Row> = HOLDS_ANYTHING,
  ) {}

  /** Takes in a row that an event names. It does not exist unless it is loaded. Throws where it never could. */
  name(key: Partial<Row>): NamedRow<Row> {
    const id = this.idOf(key);
    const known = this.named.get(id);
    if (known && this.isSameKey(known.key, key)) return known;
    this.check.checkKey(key);
    if (known) return known;
    const named = {
      key,
      row: undefined,
      isStored: false,
      isChanged: false,
      turn: 0,
      changedIn: -1,
      before: undefined,
      wasChanged: false,
    };
    this.named.set(id, named);
    return named;
  }

  /**
   * Begins to fold an event. What was changed until now stays. The event sees the rows that were given its turn and no others, so
   * that it fails or not whatever its batch holds.
   */
  begin(turn: number): void {
    this.turn = turn;
    this.shown.length = 0;
    this.replaced.length = 0;
  }

  /** Lets the event that has begun see a row. */
  show(named: NamedRow<Row>): void {
    named.turn = this.turn;
    this.shown.push(named);
  }

  /** Undoes what was changed since `begin`. */
  takeBack(): void {
    for (const named of this.replaced) {
      named.row = named.before;
      named.isChanged = named.wasChanged;
      named.changedIn = -1;
    }
    this.replaced.length = 0;
  }

  /** The keys that were named, once each. */
  keys(): Partial<Row>[] {
    return Array.from(this.named.values(), ({ key }) => key);
  }

  /** Fills in the rows that the database has. */
  load(rows: readonly Row[]): void {
    for (const row of rows) {
      const named = this.named.get(this.idOf(row));
      if (!named) throw new Error(`nothing has named row ${this.describe(row)}`);
      named.row = row;
      named.isStored = true;
    }
  }

  find(key: Partial<Row>): Row | undefined {
    return this.seen(key).row;
  }

  get(key: Partial<Row>): Row {
    const row = this.find(key);
    if (!row) throw new Error(`there is no row ${this.describe(key)}`);
    return row;
  }

  put(row: Row): void {
    const named = this.seen(row);
    this.check.checkRow(row, named.row);
    this.replace(named, row);
  }

  delete(key: Partial<Row>): void {
    this.replace(this.seen(key), undefined);
  }

  /** What the database must be told. A row that came and went within the batch is in no list. */
  changes(): { inserts: Row[]; updates: Row[]; deletes: Partial<Row>[] } {
    const inserts: Row[] = [];
    const updates: Row[] = [];
    const deletes: Partial<Row>[] = [];
    for (const { key, row, isStored, isChanged } of this.named.values()) {
      if (!isChanged) continue;
      if (row) (isStored ? updates : inserts).push(row);
      else if (isStored) deletes.push(key);
    }
    return { inserts, updates, deletes };
  }

  private replace(named: NamedRow<Row>, row: Row | undefined): void {
    if (named.changedIn !== this.turn) {
      named.changedIn = this.turn;
      named.before = named.row;
      named.wasChanged = named.isChanged;
      this.replaced.push(named);
    }
    named.row = row;
    named.isChanged = true;
  }

  private seen(key: Partial<Row>): NamedRow<Row> {
    const { shown } = this;
    for (let at = 0; at < shown.length && at < SHOWN_SEARCH_MAX; at++) {
      const candidate = shown[at] as NamedRow<Row>;
      if (this.isSameKey(candidate.key, key)) return candidate;
    }
    const named = this.named.get(this.idOf(key));
    if (named?.turn !== this.turn) throw new Error(`the event does not name row ${this.describe(key)}`);
    return named;
  }

  /** The values of the key, apart by a character that no text in PostgreSQL can hold. */
  private idOf(key: Partial<Row>): string {
    let id = '';
    for (const column of this.keyColumns) id += id === '' ? key[column] : `\0${key[column]}`;
    return id;
  }

  private isSameKey(known: Partial<Row>, key: Partial<Row>): boolean {
    for (const column of this.keyColumns) if (known[column] !== key[column]) return false;
    return true;
  }

  private describe(key: Partial<Row>): string {
    return `${this.table} (${this.keyColumns.map((column) => key[column]).join(', ')})`;
  }
}
