import { type DataSource, type EntityManager, EntitySchema, type QueryRunner } from 'typeorm';
import type { StoredEvent } from '../../src/event-store/event-store.js';
import { integer, position, text } from './columns.js';
import { type Named, SCHEMA } from './schema.js';

/** A stream that a projection cannot fold on, and the event that it stopped at. The stream's rows stay as they were before it. */
export interface StreamStop {
  readonly event: StoredEvent;
  /** Says where the fold failed, without anything of the event's data. */
  readonly error: string;
}

interface StoppedStreamRow {
  projection: string;
  version: number;
  stream: string;
  revision: bigint;
  position: bigint;
  eventType: string;
  error: string;
  stoppedAt: Date;
}

export const stoppedStreamEntity = new EntitySchema<StoppedStreamRow>({
  name: 'StoppedStream',
  tableName: 'stopped_stream',
  schema: SCHEMA,
  columns: {
    projection: text('projection', { primary: true }),
    version: integer('version', { primary: true }),
    stream: text('stream', { primary: true }),
    revision: position('revision'),
    position: position('position'),
    eventType: text('event_type'),
    error: text('error'),
    stoppedAt: { type: 'timestamptz', name: 'stopped_at', default: () => 'now()' },
  },
});

type Querying = Pick<QueryRunner, 'query'> | Pick<DataSource | EntityManager, 'query'>;

/** Records stops, in the transaction that moves the checkpoint past them. */
export async function recordStops(
  database: Querying,
  { name, version, schema = SCHEMA }: Named,
  stops: readonly StreamStop[],
): Promise<void> {
  for (const { event, error } of stops) {
    await database.query(
      `INSERT INTO ${schema}.stopped_stream (projection, version, stream, revision, position, event_type, error)
       VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
      [
        name,
        version,
        storable(event.stream),
        event.revision.toString(),
        event.position.toString(),
        storable(event.type),
        storable(error),
      ],
    );
  }
}

/** The names of the streams that a projection has stopped. */
export async function readStoppedStreams(database: Querying, { name, version, schema = SCHEMA }: Named): Promise<string[]> {
  const rows: { stream: string }[] = await database.query(
    `SELECT stream FROM ${schema}.stopped_stream WHERE projection = $1 AND version = $2`,
    [name, version],
  );
  return rows.map(({ stream }) => stream);
}

/** The event that a stream is stopped at; undefined where it is not. Ask in the snapshot that the rows are read in. */
export async function findStop(
  database: Querying,
  { name, version, schema = SCHEMA }: Named,
  stream: string,
): Promise<{ revision: bigint; eventType: string } | undefined> {
  const [row] = await database.query(
    `SELECT revision, event_type FROM ${schema}.stopped_stream WHERE projection = $1 AND version = $2 AND stream = $3`,
    [name, version, stream],
  );
  return row && { revision: BigInt(row.revision), eventType: row.event_type };
}

/** The first, by its name, of the streams that are stopped; undefined where none is. Ask in the snapshot that the rows are read in. */
export async function findAnyStop(
  database: Querying,
  projection: Named,
): Promise<{ stream: string; revision: bigint; eventType: string } | undefined> {
  const [stream] = (await readStoppedStreams(database, projection)).sort();
  const stop = stream === undefined ? undefined : await findStop(database, projection, stream);
  return stop && { ...stop, stream: stream as string };
}

/**
 * A condition of a query: the projection has not stopped the stream that an SQL expression names. For lists, which would name a
 * stopped stream for ever: its rows no longer change.
 */
export function notStopped({ name, version, schema = SCHEMA }: Named, streamSql: string): string {
  return `NOT EXISTS (SELECT FROM ${schema}.stopped_stream AS stop
    WHERE stop.projection = '${name}' AND stop.version = ${version} AND stop.stream = ${streamSql})`;
}

/** Forgets all stops of a projection, before it is rebuilt. */
export async function forgetStops(database: Querying, { name, version, schema = SCHEMA }: Named): Promise<void> {
  await database.query(`DELETE FROM ${schema}.stopped_stream WHERE projection = $1 AND version = $2`, [name, version]);
}

const FRAME = /^ +at (?:new |async )?([\w.$<>]+) \(/gm;
const FRAMES_MAX = 3;

/** The kind of an error and the functions that it came out of. Its message is left out: it may quote the event's data. */
export function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'something that is no error was thrown';
  const stack = (error.stack ?? '').replace(error.message, '');
  const functions = [...stack.matchAll(FRAME)].slice(0, FRAMES_MAX).map(([, name]) => name);
  return `${error.constructor.name} in ${functions.join(' < ')}`;
}

/** Names as others wrote them into the store: cut to what an index takes, without the one character that no text can hold. */
const STORABLE_MAX = 600;
const storable = (name: string): string => name.slice(0, STORABLE_MAX).replaceAll('\0', '\uFFFD');
