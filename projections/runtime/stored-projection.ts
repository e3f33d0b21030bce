import type { DataSource, EntitySchema, QueryRunner } from 'typeorm';
import type { StoredEvent } from '../../src/event-store/event-store.js';
import { instantFromText } from '../../src/kernel/time.js';
import { type Checkpoint, moveCheckpoint } from './checkpoint.js';
import type { Projection, RowsOf } from './projection.js';
import { type NamedRow, RowSet } from './row-set.js';
import { type Named, SCHEMA } from './schema.js';
import { forgetStops, placeOf, recordStops, type StreamStop } from './stopped-streams.js';
import { StoredTable } from './stored-table.js';

/** A projection and the TypeORM entities of its tables. */
export interface ProjectionDefinition<Tables extends object> {
  readonly projection: Projection<Tables>;
  readonly entities: { readonly [Table in keyof Tables]: EntitySchema<Tables[Table]> };
  readonly cache?: ProjectionCache;
}

/** A table beside the rows that is made from them, saves time, and means nothing: it may be emptied, and is not compared. */
export interface ProjectionCache {
  // biome-ignore lint/suspicious/noExplicitAny: whoever keeps it knows its rows
  readonly entity: EntitySchema<any>;
  /** Called in the transaction of a batch, when its rows are written. */
  keep(queryRunner: QueryRunner, events: readonly StoredEvent[]): Promise<void>;
}

/** Some definition, whatever its tables. */
// biome-ignore lint/suspicious/noExplicitAny: a list holds projections of different rows; each keeps its own types.
export type AnyProjectionDefinition = ProjectionDefinition<any>;

type RowSets = ReadonlyMap<string, RowSet<object>>;

interface NamedIn {
  readonly set: RowSet<object>;
  readonly row: NamedRow<object>;
}

/** An event and the rows that it names in all tables, or why the projection cannot tell. */
interface ReadEvent {
  readonly event: StoredEvent;
  readonly named: readonly NamedIn[];
  readonly refusal: { readonly error: unknown } | undefined;
}

/** A projection bound to its tables: folds a batch and commits rows and checkpoint in one transaction. */
export class StoredProjection {
  readonly projection: Projection<Record<string, object>>;
  private readonly named: Named;
  private readonly tables: ReadonlyMap<string, StoredTable<object>>;
  /** Only beside the rows that answer: what is built anew has none until it is swapped in. */
  private readonly cache: ProjectionCache | undefined;

  constructor(dataSource: DataSource, { projection, entities, cache }: AnyProjectionDefinition, schema: string = SCHEMA) {
    this.projection = projection;
    this.named = { name: projection.name, version: projection.version, schema };
    this.cache = schema === SCHEMA ? cache : undefined;
    this.tables = new Map(
      Object.entries(entities as Record<string, EntitySchema<object>>).map(([table, entity]) => [
        table,
        new StoredTable(dataSource, entity, (projection.keys as Record<string, readonly string[]>)[table] ?? [], schema),
      ]),
    );
  }

  /**
   * Folds events and commits them with the checkpoint: all of it or, where anything fails, nothing. Throws CheckpointMoved, or
   * what the database said.
   *
   * An event that the projection refuses (unknown, or impossible after what came before) stops its stream: nothing of it is
   * kept, the stream's later events are passed over, and the stop is recorded in the same transaction.
   * @param stopped streams that were stopped before
   * @returns the streams that these events have stopped
   */
  async commit(
    queryRunner: QueryRunner,
    events: readonly StoredEvent[],
    from: Checkpoint,
    to: Checkpoint,
    stopped: ReadonlySet<string>,
  ): Promise<StreamStop[]> {
    const going = stopped.size === 0 ? events : events.filter(({ stream }) => !stopped.has(stream));
    const rows = this.emptyRows();
    const sets = [...rows];
    const read = going.map((event) => this.read(event, sets));
    return queryRunner.manager.transaction(async () => {
      await moveCheckpoint(queryRunner, this.named, from, to);
      for (const [table, set] of rows) await this.tableOf(table).load(queryRunner, set);
      const stops = this.fold(rows, read);
      for (const [table, set] of rows) await this.tableOf(table).write(queryRunner, set);
      await recordStops(queryRunner, this.named, stops);
      await this.cache?.keep(queryRunner, going);
      return stops;
    });
  }

  /** Forgets all rows and stops, and starts before the first event. */
  async restart(queryRunner: QueryRunner, from: Checkpoint, start: Checkpoint): Promise<void> {
    await queryRunner.manager.transaction(async () => {
      await moveCheckpoint(queryRunner, this.named, from, start);
      for (const table of this.tables.values()) await table.clear(queryRunner);
      if (this.cache) await queryRunner.query(`DELETE FROM ${SCHEMA}."${this.cache.entity.options.tableName}"`);
      await forgetStops(queryRunner, this.named);
    });
  }

  private emptyRows(): RowSets {
    const keysOf = (name: string) => (this.projection.keys[name] ?? []) as never[];
    return new Map([...this.tables].map(([name, table]) => [name, new RowSet(name, keysOf(name), table)]));
  }

  private read(event: StoredEvent, sets: readonly [string, RowSet<object>][]): ReadEvent {
    const named: NamedIn[] = [];
    try {
      mustBeWhole(event);
      const keys = this.projection.rowsOf(event);
      for (const [table, set] of sets) for (const key of keys[table] ?? []) named.push({ set, row: set.name(key) });
      return { event, named, refusal: undefined };
    } catch (error) {
      return { event, named, refusal: { error } };
    }
  }

  /** @returns the stops, in the order of their events */
  private fold(rows: RowSets, events: readonly ReadEvent[]): StreamStop[] {
    const view: RowsOf<Record<string, object>> = Object.fromEntries(rows);
    const sets = [...rows.values()];
    const stops = new Map<string, StreamStop>();
    let turn = 0;
    for (const { event, named, refusal } of events) {
      turn += 1;
      if (stops.has(event.stream)) continue;
      try {
        for (const set of sets) set.begin(turn);
        for (const { set, row } of named) set.show(row);
        if (refusal) throw refusal.error;
        this.projection.fold(view, event);
      } catch (error) {
        for (const set of sets) set.takeBack();
        stops.set(event.stream, { event, error: placeOf(error) });
      }
    }
    return [...stops.values()];
  }

  private tableOf(name: string): StoredTable<object> {
    const table = this.tables.get(name);
    if (!table) throw new Error(`projection ${this.projection.name} has no table ${name}`);
    return table;
  }
}

/** As the write side reads it: what is no JSON arrives as text, and folding that could go unnoticed. */
function mustBeWhole({ data, metadata }: StoredEvent): void {
  if (typeof data !== 'object' || data === null) throw new TypeError('an event has no data');
  if (Number.isNaN(instantFromText(metadata.occurredAt)) || typeof metadata.hash !== 'string') {
    throw new TypeError('an event has no envelope');
  }
}
