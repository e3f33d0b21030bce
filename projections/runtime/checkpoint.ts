import { type DataSource, EntitySchema, type QueryRunner } from 'typeorm';
import { integer, position, text } from './columns.js';
import { type Named, SCHEMA } from './schema.js';

/** How far a projection has folded, and the last event of it, by which another history is recognised. */
export interface Checkpoint {
  /** Commit position in `$all`; -1 before the first event. */
  readonly position: bigint;
  readonly lastEvent: EventPlace | undefined;
}

export interface EventPlace {
  readonly id: string;
  readonly stream: string;
  readonly revision: bigint;
}

interface CheckpointRow {
  projection: string;
  version: number;
  position: bigint;
  eventId: string | null;
  eventStream: string | null;
  eventRevision: bigint | null;
  updatedAt: Date;
}

export const checkpointEntity = new EntitySchema<CheckpointRow>({
  name: 'Checkpoint',
  tableName: 'checkpoint',
  schema: SCHEMA,
  columns: {
    projection: text('projection', { primary: true }),
    version: integer('version', { primary: true }),
    position: position('position'),
    eventId: text('event_id', { nullable: true }),
    eventStream: text('event_stream', { nullable: true }),
    eventRevision: position('event_revision', { nullable: true }),
    updatedAt: { type: 'timestamptz', name: 'updated_at', default: () => 'now()' },
  },
});

export const START: Checkpoint = { position: -1n, lastEvent: undefined };

type Querying = Pick<QueryRunner, 'query'> | Pick<DataSource, 'query'>;

/** Another runner has moved the checkpoint: whatever this one has folded since is not to be committed. */
export class CheckpointMoved extends Error {
  constructor({ name, version }: Named, from: bigint) {
    super(`projection ${name} v${version} is no longer at position ${from}: another runner has committed`);
  }
}

/** Reads the checkpoint of a projection; undefined where it has never run. */
export async function readCheckpoint(
  database: Querying,
  { name, version, schema = SCHEMA }: Named,
): Promise<Checkpoint | undefined> {
  const [row] = await database.query(
    `SELECT position, event_id, event_stream, event_revision FROM ${schema}.checkpoint WHERE projection = $1 AND version = $2`,
    [name, version],
  );
  if (!row) return undefined;
  const lastEvent = row.event_id && { id: row.event_id, stream: row.event_stream, revision: BigInt(row.event_revision) };
  return { position: BigInt(row.position), lastEvent: lastEvent ?? undefined };
}

export async function createCheckpoint(database: Querying, { name, version, schema = SCHEMA }: Named): Promise<void> {
  await database.query(
    `INSERT INTO ${schema}.checkpoint (projection, version, position) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
    [name, version, START.position.toString()],
  );
}

/**
 * Moves the checkpoint, first in its transaction: only from where the caller believes it to be, and with the row locked until
 * the commit. A runner that has lost its lead without noticing fails here and commits nothing.
 *
 * The commit does not wait for the disk. A server that crashes may lose the last transactions, always rows and checkpoint
 * together, and the runner folds those events again.
 */
export async function moveCheckpoint(database: Querying, projection: Named, from: Checkpoint, to: Checkpoint): Promise<void> {
  const [, moved] = await database.query(
    `UPDATE ${projection.schema ?? SCHEMA}.checkpoint
        SET position = $3, event_id = $4, event_stream = $5, event_revision = $6, updated_at = now()
      WHERE projection = $1 AND version = $2 AND position = $7
      RETURNING set_config('synchronous_commit', 'off', true)`,
    [
      projection.name,
      projection.version,
      to.position.toString(),
      to.lastEvent?.id ?? null,
      to.lastEvent?.stream ?? null,
      to.lastEvent?.revision.toString() ?? null,
      from.position.toString(),
    ],
  );
  if (moved !== 1) throw new CheckpointMoved(projection, from.position);
}
