/**
 * What a projection is: a pure fold that answers one question, and the rows that hold the answer. The runtime loads the rows
 * that a batch of events touches, folds, and commits what changed together with the checkpoint. Nothing here reads a clock.
 */
export interface Projection<Tables extends object> {
  readonly name: string;
  /** Raised with any change of the rows or of the fold. Each version has tables of its own and is built from the first event. */
  readonly version: number;
  /** Streams it follows, by the beginning of their names. */
  readonly streamPrefixes: readonly string[];
  /** The properties that make up the primary key of each table. */
  readonly keys: { readonly [Table in keyof Tables]: readonly (keyof Tables[Table] & string)[] };
  /** Keys of the rows that an event may read or change. Throws where the event is unknown. */
  rowsOf(fact: Fact): { readonly [Table in keyof Tables]: readonly Partial<Tables[Table]>[] };
  /** Folds one event into the rows. Throws where the event is unknown or impossible. */
  fold(rows: { readonly [Table in keyof Tables]: Rows<Tables[Table]> }, fact: Fact): void;
}

/** An event as a fold sees it. Its time is that of the decision, so a rebuild gives the same rows. */
export interface Fact {
  readonly stream: string;
  readonly type: string;
  /** Its place in the stream, from 0. */
  readonly revision: bigint;
  readonly position: bigint;
  readonly data: unknown;
  readonly metadata: { readonly occurredAt: string };
}

/** The rows of one table that the fold may see: those that `rowsOf` named. Any other key throws. */
export interface Rows<Row> {
  find(key: Partial<Row>): Row | undefined;
  /** Throws where there is no such row. */
  get(key: Partial<Row>): Row;
  /** Inserts the row or replaces the one with its key. Rows are values: put a changed copy. */
  put(row: Row): void;
  delete(key: Partial<Row>): void;
}

export type RowsOf<Tables extends object> = { readonly [Table in keyof Tables]: Rows<Tables[Table]> };
