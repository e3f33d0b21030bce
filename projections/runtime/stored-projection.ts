import type { DataSource, EntitySchema, QueryRunner } from 'typeorm';
import type { StoredEvent } from '../../src/event-store/event-store.js';
import { type Checkpoint, moveCheckpoint } from './checkpoint.js';
import type { Projection, RowsOf } from './projection.js';
import { RowSet } from './row-set.js';
import { StoredTable } from './stored-table.js';

/** A projection and the TypeORM entities of its tables. */
export interface ProjectionDefinition<Tables extends object> {
  readonly projection: Projection<Tables>;
  readonly entities: { readonly [Table in keyof Tables]: EntitySchema<Tables[Table]> };
}

/** Some definition, whatever its tables. */
// biome-ignore lint/suspicious/noExplicitAny: a list holds projections of different rows; each keeps its own types.
export type AnyProjectionDefinition = ProjectionDefinition<any>;

/** An event that the fold refuses: unknown, or impossible after what came before. */
export class PoisonEvent extends Error {
  constructor(
    readonly event: StoredEvent,
    /** Its place in the batch: the events before it can be folded. */
    readonly index: number,
    override readonly cause: unknown,
  ) {
    super(
      `event ${event.id} (${event.type}, stream ${event.stream}, position ${event.position}) cannot be folded: ` +
        `${cause instanceof Error ? cause.message : cause}`,
    );
  }
}

/** A projection bound to its tables: folds a batch and commits rows and checkpoint in one transaction. */
export class StoredProjection {
  readonly projection: Projection<Record<string, object>>;
  private readonly tables: ReadonlyMap<string, StoredTable<object>>;

  constructor(dataSource: DataSource, { projection, entities }: AnyProjectionDefinition) {
    this.projection = projection;
    this.tables = new Map(
      Object.entries(entities as Record<string, EntitySchema<object>>).map(([table, entity]) => [
        table,
        new StoredTable(dataSource, entity, (projection.keys as Record<string, readonly string[]>)[table] ?? []),
      ]),
    );
  }

  /**
   * Folds events and commits them with the checkpoint: all of it or, where anything fails, nothing. Throws PoisonEvent,
   * CheckpointMoved, or what the database said.
   */
  async commit(queryRunner: QueryRunner, events: readonly StoredEvent[], from: Checkpoint, to: Checkpoint): Promise<void> {
    const rows = this.namedRows(events);
    await queryRunner.manager.transaction(async () => {
      await moveCheckpoint(queryRunner, this.projection, from, to);
      for (const [table, set] of rows) await this.tableOf(table).load(queryRunner, set);
      this.fold(rows, events);
      for (const [table, set] of rows) await this.tableOf(table).write(queryRunner, set);
    });
  }

  /** Forgets all rows and starts before the first event. */
  async restart(queryRunner: QueryRunner, from: Checkpoint, start: Checkpoint): Promise<void> {
    await queryRunner.manager.transaction(async () => {
      await moveCheckpoint(queryRunner, this.projection, from, start);
      for (const table of this.tables.values()) await table.clear(queryRunner);
    });
  }

  private namedRows(events: readonly StoredEvent[]): Map<string, RowSet<object>> {
    const rows = new Map<string, RowSet<object>>();
    for (const table of this.tables.keys()) rows.set(table, new RowSet(table, (this.projection.keys[table] ?? []) as never[]));
    events.forEach((event, index) => {
      const keys = orPoison(event, index, () => this.projection.rowsOf(event));
      for (const [table, set] of rows) for (const key of keys[table] ?? []) set.name(key);
    });
    return rows;
  }

  private fold(rows: Map<string, RowSet<object>>, events: readonly StoredEvent[]): void {
    const view: RowsOf<Record<string, object>> = Object.fromEntries(rows);
    events.forEach((event, index) => {
      orPoison(event, index, () => this.projection.fold(view, event));
    });
  }

  private tableOf(name: string): StoredTable<object> {
    const table = this.tables.get(name);
    if (!table) throw new Error(`projection ${this.projection.name} has no table ${name}`);
    return table;
  }
}

function orPoison<T>(event: StoredEvent, index: number, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw new PoisonEvent(event, index, error);
  }
}
