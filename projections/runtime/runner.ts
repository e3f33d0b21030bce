import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource, QueryRunner } from 'typeorm';
import type { EventBatch, EventStore } from '../../src/event-store/event-store.js';
import { instantFromText } from '../../src/kernel/time.js';
import { type Checkpoint, CheckpointMoved, createCheckpoint, readCheckpoint, START } from './checkpoint.js';
import type { Freshness } from './freshness.js';
import { isInStore } from './history.js';
import { leadLock } from './schema.js';
import { readStoppedStreams, type StreamStop } from './stopped-streams.js';
import { isText } from './storable.js';
import { type AnyProjectionDefinition, StoredProjection } from './stored-projection.js';

export interface ProjectionStatus {
  readonly name: string;
  readonly version: number;
  /** Commit position in `$all` up to which this process knows the rows to be folded; -1 before the first event. */
  readonly position: bigint;
  /**
   * catching_up: leads, and folds what is old. live: leads, and has folded what there was. standby: another process leads, or
   * the store or the database is away (then with `error`). stopped: asked to, or by an error that repeating cannot mend.
   */
  readonly state: 'catching_up' | 'live' | 'standby' | 'stopped';
  readonly error?: string;
  /** Streams that cannot be folded on, as far as this process knows; absent where there are none. */
  readonly stoppedStreams?: number;
}

export interface RunnerLog {
  log(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface RunnerOptions {
  readonly batchMax?: number;
  /** How often one that stands by tries to take over. */
  readonly standbyMs?: number;
  readonly backOffMaxMs?: number;
  /** Told of each commit. */
  readonly onCommit?: (events: number) => void;
}

const BACK_OFF_MIN_MS = 50;
/** A subscription has caught up when its last event is this young, or after this silence: the store does not say so itself. */
const RECENT_MS = 5_000;
const QUIET_MS = 250;
/** Between two commits of a live projection: a commit costs the same for one event as for a hundred. */
const GATHER_MS = 50;
/** SQLSTATE classes that repeating cannot mend: data exception, integrity constraint violation. */
const FINAL_SQL_STATES = /^2[23]/;

/**
 * Keeps one projection up to date. One runner leads at a time, by an advisory lock of the session that also writes: whoever loses
 * the connection loses both. The others stand by and take over. Rows and checkpoint are committed together and the checkpoint
 * moves only from where it was read, so every event has its effect exactly once, wherever a process dies.
 */
export class ProjectionRunner {
  private readonly stored: StoredProjection;
  private readonly stopping = new AbortController();
  private readonly batchMax: number;
  private readonly standbyMs: number;
  private readonly backOffMaxMs: number;
  private readonly onCommit: ((events: number) => void) | undefined;
  private running: Promise<void> | undefined;
  private failures = 0;
  private checkpoint: Checkpoint = START;
  private state: ProjectionStatus['state'] = 'standby';
  private error: string | undefined;
  private stopped = new Set<string>();

  constructor(
    definition: AnyProjectionDefinition,
    private readonly dataSource: DataSource,
    private readonly events: Pick<EventStore, 'read' | 'subscribe'>,
    private readonly freshness: Freshness,
    private readonly log: RunnerLog,
    options: RunnerOptions = {},
  ) {
    this.stored = new StoredProjection(dataSource, definition);
    this.batchMax = options.batchMax ?? 5_000;
    this.standbyMs = options.standbyMs ?? 1_000;
    this.backOffMaxMs = options.backOffMaxMs ?? 5_000;
    this.onCommit = options.onCommit;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Finishes the batch under way, then gives up the lead. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  status(): ProjectionStatus {
    const { name, version } = this.stored.projection;
    return {
      name,
      version,
      position: this.checkpoint.position,
      state: this.state,
      ...(this.error !== undefined && { error: this.error }),
      ...(this.stopped.size > 0 && { stoppedStreams: this.stopped.size }),
    };
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        const led = await this.tryToLead();
        if (!led) await this.pause(this.standbyMs);
      } catch (error) {
        this.error = messageOf(error);
        if (isFinal(error)) {
          this.log.error(`${this.title} stopped: ${this.error}`);
          break;
        }
        this.state = 'standby';
        if (error instanceof CheckpointMoved) continue;
        this.log.warn(`${this.title} will be tried again: ${this.error}`);
        await this.pause(Math.min(BACK_OFF_MIN_MS * 2 ** this.failures, this.backOffMaxMs));
        this.failures += 1;
      }
    }
    this.state = 'stopped';
  }

  /** @returns false where another runner leads; true after having led, when asked to stop */
  private async tryToLead(): Promise<boolean> {
    const session = this.dataSource.createQueryRunner();
    try {
      const [{ locked }] = await session.query('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked', [this.lockName]);
      if (locked) {
        await this.lead(session);
        await session.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [this.lockName]);
      } else {
        this.state = 'standby';
        this.error = undefined;
      }
      await session.release();
      return locked;
    } catch (error) {
      await closeSession(session, error);
      throw error;
    }
  }

  private async lead(session: QueryRunner): Promise<void> {
    this.checkpoint = await this.openCheckpoint(session);
    // After the checkpoint: a stop that was committed between the two comes with a checkpoint that has moved, and is not missed.
    this.stopped = new Set(await readStoppedStreams(session, this.stored.projection));
    this.state = 'catching_up';
    this.error = undefined;
    this.log.log(`${this.title} leads from position ${this.checkpoint.position}, streams stopped: ${this.stopped.size}`);
    const { position } = this.checkpoint;
    const batches = this.events.subscribe({
      streamPrefixes: this.stored.projection.streamPrefixes,
      after: position === START.position ? undefined : position,
      batchMax: this.batchMax,
      signal: this.stopping.signal,
    });
    const quiet = setTimeout(() => this.caughtUp(), QUIET_MS);
    try {
      for await (const batch of batches) {
        await this.commit(session, batch);
        if (isRecent(batch)) this.caughtUp();
        else this.state = 'catching_up';
        quiet.refresh();
        if (this.status().state === 'live' && !this.stopping.signal.aborted)
          await this.freshness.gather(this.stored.projection, GATHER_MS);
      }
    } finally {
      clearTimeout(quiet);
    }
  }

  private caughtUp(): void {
    if (this.state !== 'catching_up') return;
    this.state = 'live';
    this.log.log(`${this.title} is live at position ${this.checkpoint.position}`);
  }

  private async commit(session: QueryRunner, batch: EventBatch): Promise<void> {
    if (batch.position <= this.checkpoint.position) return;
    // A server that starts a subscription at, rather than after, its position repeats an event.
    const events = batch.events.filter((event) => event.position > this.checkpoint.position);
    const lastEvent = events.findLast(({ stream }) => isText(stream)) ?? this.checkpoint.lastEvent;
    const to: Checkpoint = { position: batch.position, lastEvent };
    const stops = await this.stored.commit(session, events, this.checkpoint, to, this.stopped);
    this.checkpoint = to;
    this.failures = 0;
    this.onCommit?.(events.length);
    for (const stop of stops) this.noteStop(stop);
    this.freshness.reached(this.stored.projection, batch.position);
  }

  private noteStop({ event, error }: StreamStop): void {
    this.stopped.add(event.stream);
    this.log.error(
      `${this.title} stopped ${event.stream} and no other stream: event ${event.revision}, ${event.type}, ` +
        `position ${event.position}, cannot be folded: ${error}`,
    );
  }

  /**
   * The checkpoint to go on from. Where the store does not hold the event that was folded last, it holds another history (it
   * was replaced or restored), and the rows are of no use: they are built again from the first event.
   */
  private async openCheckpoint(session: QueryRunner): Promise<Checkpoint> {
    await createCheckpoint(session, this.stored.projection);
    const checkpoint = (await readCheckpoint(session, this.stored.projection)) ?? START;
    if (!checkpoint.lastEvent || (await isInStore(this.events, checkpoint.lastEvent))) return checkpoint;
    await this.stored.restart(session, checkpoint, START);
    this.freshness.reached(this.stored.projection, START.position);
    this.log.error(
      `${this.title} is rebuilt from zero: the store no longer holds event ${checkpoint.lastEvent.id}, ` +
        `folded up to position ${checkpoint.position}, so it has another history`,
    );
    return START;
  }

  private async pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.stopping.signal }).catch(() => {});
  }

  private get title(): string {
    return `projection ${this.stored.projection.name} v${this.stored.projection.version}`;
  }

  private get lockName(): string {
    return leadLock(this.stored.projection);
  }
}

/** Ends a session in an unknown state for good, and its lock with it: it must not go back to the pool. */
async function closeSession(session: QueryRunner, error: unknown): Promise<void> {
  await (session as QueryRunner & { releasePostgresConnection(error: unknown): Promise<void> }).releasePostgresConnection(error);
}

function isRecent({ events }: EventBatch): boolean {
  const last = events.at(-1);
  return last !== undefined && instantFromText(last.metadata?.occurredAt) > Date.now() - RECENT_MS;
}

const isFinal = (error: unknown): boolean =>
  FINAL_SQL_STATES.test((error as { driverError?: { code?: string } }).driverError?.code ?? '');

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
