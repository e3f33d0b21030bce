import type { DataSource } from 'typeorm';
import type { EventStore } from '../../src/event-store/event-store.js';
import { decodeReadMessage } from '../../src/event-store/read-wire.js';
import { type Instant, instantFromText } from '../../src/kernel/time.js';
import { hasBuild, PREVIOUS_SCHEMA, REBUILD_SCHEMA } from './rebuild/builds.js';
import { leadLock, SCHEMA } from './schema.js';
import type { AnyProjectionDefinition } from './stored-projection.js';

/** What there is to know about a projection from outside: from its rows in the database, whoever runs it, and from the store. */
export interface ProjectionReport {
  readonly name: string;
  readonly version: number;
  /** Commit position that is folded; -1 before the first event. */
  readonly position: bigint;
  /** Commit position of the last event of its streams. */
  readonly headPosition: bigint;
  /** Age in ms of the oldest event that is not folded yet; 0 where there is none. */
  readonly lagMs: number;
  /** When it committed last; undefined where it has never run. */
  readonly updatedAt: Instant | undefined;
  readonly lastEvent: { readonly id: string; readonly stream: string; readonly revision: bigint } | undefined;
  /** Whether a runner leads, in any process. */
  readonly isLed: boolean;
  readonly stopped: { readonly total: number; readonly streams: readonly StoppedStream[] };
  /** Whether the build that answered before the last rebuild is kept. */
  readonly hasPrevious: boolean;
  /** Whether there is a build that was begun and does not answer. */
  readonly hasRebuild: boolean;
}

export interface StoppedStream {
  readonly stream: string;
  readonly revision: bigint;
  readonly eventType: string;
  readonly position: bigint;
  /** Where the fold failed. */
  readonly where: string;
  readonly stoppedAt: Instant;
}

const STREAMS_MAX = 100;

/** Throws EventStoreUnavailable, or what the database said. */
export async function reportOn(
  dataSource: DataSource,
  store: EventStore,
  { projection }: AnyProjectionDefinition,
  now: Instant,
): Promise<ProjectionReport> {
  const { name, version, streamPrefixes } = projection;
  const headPosition = await store.headPosition(streamPrefixes);
  const [row] = await dataSource.query(
    `SELECT position, event_id, event_stream, event_revision, updated_at FROM ${SCHEMA}.checkpoint WHERE projection = $1 AND version = $2`,
    [name, version],
  );
  const position = BigInt(row?.position ?? -1);
  return {
    name,
    version,
    position,
    headPosition,
    lagMs: headPosition > position ? await ageOfFirst(store, streamPrefixes, position, now) : 0,
    updatedAt: row?.updated_at.getTime(),
    lastEvent: row?.event_id && { id: row.event_id, stream: row.event_stream, revision: BigInt(row.event_revision) },
    isLed: await isHeld(dataSource, leadLock(projection)),
    stopped: await stoppedStreams(dataSource, name, version),
    hasPrevious: await hasBuild(dataSource, projection, PREVIOUS_SCHEMA),
    hasRebuild: await hasBuild(dataSource, projection, REBUILD_SCHEMA),
  };
}

/** Age in ms of the first event after a position; 0 where there is none. */
export async function ageOfFirst(store: EventStore, streamPrefixes: readonly string[], position: bigint, now: Instant) {
  const after = position < 0n ? undefined : position;
  for await (const [bytes] of store.readAllMessages({ streamPrefixes, after })) {
    const message = bytes && decodeReadMessage(bytes);
    if (message?.is !== 'event') continue;
    const at = instantFromText(message.event.metadata?.occurredAt);
    return Number.isNaN(at) ? 0 : Math.max(0, now - at);
  }
  return 0;
}

/** Whether any session holds an advisory lock, as the server's list of locks says. */
export async function isHeld(database: Pick<DataSource, 'query'>, lock: string): Promise<boolean> {
  const [{ held }] = await database.query(
    `SELECT EXISTS (SELECT FROM pg_locks
       WHERE locktype = 'advisory' AND granted AND objsubid = 1
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND ((classid::bigint << 32) | objid::bigint) = hashtextextended($1, 0)) AS held`,
    [lock],
  );
  return held;
}

async function stoppedStreams(dataSource: DataSource, name: string, version: number): Promise<ProjectionReport['stopped']> {
  const its = `FROM ${SCHEMA}.stopped_stream WHERE projection = $1 AND version = $2`;
  const [{ total }] = await dataSource.query(`SELECT count(*)::integer AS total ${its}`, [name, version]);
  if (total === 0) return { total, streams: [] };
  const rows: Record<string, unknown>[] = await dataSource.query(`SELECT * ${its} ORDER BY position LIMIT ${STREAMS_MAX}`, [
    name,
    version,
  ]);
  const streams = rows.map((row) => ({
    stream: row['stream'] as string,
    revision: BigInt(row['revision'] as string),
    eventType: row['event_type'] as string,
    position: BigInt(row['position'] as string),
    where: row['error'] as string,
    stoppedAt: (row['stopped_at'] as Date).getTime(),
  }));
  return { total, streams };
}
