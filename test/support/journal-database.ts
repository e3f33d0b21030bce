import type { DataSource } from 'typeorm';
import { journalDefinition } from '../../projections/journal/journal.entity.js';
import { type Checkpoint, createCheckpoint, START } from '../../projections/runtime/checkpoint.js';
import { openDatabase } from '../../projections/runtime/database.js';
import type { Fact } from '../../projections/runtime/projection.js';
import { StoredProjection } from '../../projections/runtime/stored-projection.js';
import type { StoredEvent } from '../../src/event-store/event-store.js';
import { beforeStop, createDatabase } from './postgres.js';

/** The journal in a real database, given facts as the runtime gives it what the store holds. */
export class JournalDatabase {
  private checkpoint: Checkpoint = START;

  private constructor(
    readonly dataSource: DataSource,
    private readonly stored: StoredProjection,
  ) {}

  static async open(): Promise<JournalDatabase> {
    const dataSource = await openDatabase(await createDatabase(), [journalDefinition]);
    beforeStop(() => dataSource.destroy());
    await createCheckpoint(dataSource, journalDefinition.projection);
    return new JournalDatabase(dataSource, new StoredProjection(dataSource, journalDefinition));
  }

  /** Folds facts in batches of this size. Throws where one of them stops its stream. */
  async fold(facts: readonly Fact[], batchSize = 1_000): Promise<void> {
    const queryRunner = this.dataSource.createQueryRunner();
    try {
      for (let from = 0; from < facts.length; from += batchSize) {
        const batch = facts.slice(from, from + batchSize).map(stored);
        const last = batch.at(-1) as StoredEvent;
        const lastEvent = { id: last.id, stream: last.stream, revision: last.revision };
        const to = { position: last.position, lastEvent };
        const stops = await this.stored.commit(queryRunner, batch, this.checkpoint, to, new Set());
        if (stops[0]) throw new Error(`${stops[0].event.type} stopped the journal: ${stops[0].error}`);
        this.checkpoint = to;
      }
    } finally {
      await queryRunner.release();
    }
  }

  /** All rows of all tables as PostgreSQL prints them. */
  async rows(): Promise<string[][]> {
    const tables = Object.values(journalDefinition.entities).map(({ options }) => options.tableName as string);
    return Promise.all(
      tables.map(async (table) => {
        const rows: { row: string }[] = await this.dataSource.query(
          `SELECT to_jsonb(t)::text AS row FROM projections.${table} AS t ORDER BY 1`,
        );
        return rows.map(({ row }) => row);
      }),
    );
  }
}

const stored = (fact: Fact): StoredEvent =>
  ({
    ...fact,
    id: `00000000-0000-4000-8000-${fact.position.toString().padStart(12, '0')}`,
    metadata: { ...fact.metadata, hash: 'h' },
  }) as unknown as StoredEvent;
