import type { DataSource, QueryRunner } from 'typeorm';
import type { EventStore, StoredEvent } from '../../../src/event-store/event-store.js';
import { decodeReadMessage } from '../../../src/event-store/read-wire.js';
import { type Checkpoint, readCheckpoint, START } from '../checkpoint.js';
import { isInStore } from '../history.js';
import { readStoppedStreams } from '../stopped-streams.js';
import { isText } from '../storable.js';
import { type AnyProjectionDefinition, StoredProjection } from '../stored-projection.js';
import { type BuildSchema, createBuild, dropBuild, namedOf, REBUILD_SCHEMA } from './builds.js';

/** Events of one commit: each commit loads and writes every row that it touches once. */
const BATCH_MAX = 20_000;
/** Besides the one that is read: a bound of the memory. */
const BATCHES_UNDER_WAY_MAX = 2;

export interface RebuildOptions {
  readonly batchMax?: number;
  /** Forgets what an interrupted rebuild has left, rather than to go on from it. */
  readonly anew?: boolean;
  readonly schema?: BuildSchema;
  /** Told after each commit. */
  readonly onProgress?: (progress: RebuildProgress) => void;
}

export interface RebuildProgress {
  /** Events read from the store since the run was opened. */
  readonly events: number;
  /** Position of the last of them. */
  readonly position: bigint;
}

interface Member {
  readonly definition: AnyProjectionDefinition;
  readonly stored: StoredProjection;
  readonly session: QueryRunner;
  readonly stopped: Set<string>;
  checkpoint: Checkpoint;
}

/**
 * Builds projections in a schema beside the one that answers, all of them with one reading of `$all`: an event is read and decoded
 * once. Each commits with a checkpoint of its own, so a run that is interrupted goes on where it was. The caller holds the
 * builds (`withBuilds`).
 */
export class RebuildRun {
  events = 0;
  private readonly batchMax: number;

  private constructor(
    private readonly store: EventStore,
    private readonly members: readonly Member[],
    private readonly options: RebuildOptions,
  ) {
    this.batchMax = options.batchMax ?? BATCH_MAX;
  }

  static async open(
    dataSource: DataSource,
    store: EventStore,
    definitions: readonly AnyProjectionDefinition[],
    options: RebuildOptions = {},
  ): Promise<RebuildRun> {
    const { schema = REBUILD_SCHEMA, anew = false } = options;
    const members: Member[] = [];
    for (const definition of definitions) {
      const named = namedOf(definition, schema);
      if (anew) await dropBuild(dataSource, definition, schema);
      await createBuild(dataSource, definition, schema);
      let checkpoint = (await readCheckpoint(dataSource, named)) ?? START;
      if (checkpoint.lastEvent && !(await isInStore(store, checkpoint.lastEvent))) {
        if (schema !== REBUILD_SCHEMA)
          throw new Error(`The store no longer holds what ${schema}'s ${named.name} was built from.`);
        await dropBuild(dataSource, definition, schema);
        await createBuild(dataSource, definition, schema);
        checkpoint = START;
      }
      const stopped = new Set(await readStoppedStreams(dataSource, named));
      const stored = new StoredProjection(dataSource, definition, schema);
      members.push({ definition, stored, session: dataSource.createQueryRunner(), stopped, checkpoint });
    }
    return new RebuildRun(store, members, options);
  }

  /** Where the build of a projection is. */
  positionOf({ projection }: AnyProjectionDefinition): bigint {
    return this.member(projection.name).checkpoint.position;
  }

  /**
   * Folds each projection to exactly the position that is named for it. Throws where one is beyond its target already: events
   * cannot be taken back.
   * @param targets commit positions by the projections' names; one that is not named stays where it is
   */
  async foldTo(targets: ReadonlyMap<string, bigint>): Promise<void> {
    for (const [name, target] of targets) {
      const { position } = this.member(name).checkpoint;
      if (position > target)
        throw new Error(`The build of ${name} is at position ${position}, beyond ${target}: rebuild it with --anew.`);
    }
    const going = this.members.filter((member) => member.checkpoint.position < targetOf(member, targets));
    if (going.length > 0) await this.read(going, targets);
    // Up to its target there is nothing more for it, and it is there.
    for (const member of going) await this.commit(member, [], targetOf(member, targets));
  }

  async close(): Promise<void> {
    for (const { session } of this.members) await session.release();
  }

  private async read(going: readonly Member[], targets: ReadonlyMap<string, bigint>): Promise<void> {
    const streamPrefixes = [...new Set(going.flatMap(({ stored }) => stored.projection.streamPrefixes))];
    const first = least(going.map(({ checkpoint }) => checkpoint.position));
    const last = greatest(going.map((member) => targetOf(member, targets)));
    const after = first === START.position ? undefined : first;
    let batch: StoredEvent[] = [];
    // Each projection commits its batches in order, and waits for no other: while PostgreSQL writes for one, another folds.
    const turns = new Map<Member, Promise<void>>(going.map((member) => [member, Promise.resolve()]));
    const underWay: Promise<void>[] = [];
    const hand = async (): Promise<void> => {
      const handed = batch;
      batch = [];
      for (const [member, before] of turns)
        turns.set(
          member,
          before.then(() => this.commitOwn(member, handed, targets)),
        );
      const committed = Promise.all(turns.values()).then(() => this.tell(handed));
      // What fails is thrown where it is waited for.
      committed.catch(() => undefined);
      underWay.push(committed);
      if (underWay.length > BATCHES_UNDER_WAY_MAX) await underWay.shift();
    };
    reading: for await (const messages of this.store.readAllMessages({ streamPrefixes, after })) {
      for (const bytes of messages) {
        const message = decodeReadMessage(bytes);
        if (message.is !== 'event') continue;
        if (message.event.position > last) break reading;
        batch.push(message.event);
        if (batch.length >= this.batchMax) await hand();
      }
    }
    if (batch.length > 0) await hand();
    await Promise.all(underWay);
  }

  private async commitOwn(member: Member, batch: readonly StoredEvent[], targets: ReadonlyMap<string, bigint>): Promise<void> {
    const { checkpoint, stored } = member;
    const to = least([batch.at(-1)?.position ?? START.position, targetOf(member, targets)]);
    const own = batch.filter(
      (event) => event.position > checkpoint.position && event.position <= to && follows(stored, event.stream),
    );
    if (own.length > 0) await this.commit(member, own, to);
  }

  private tell(batch: readonly StoredEvent[]): void {
    this.events += batch.length;
    this.options.onProgress?.({ events: this.events, position: batch.at(-1)?.position ?? START.position });
  }

  private async commit(member: Member, events: readonly StoredEvent[], position: bigint): Promise<void> {
    const { stored, session, checkpoint, stopped } = member;
    if (position <= checkpoint.position) return;
    const lastEvent = events.findLast(({ stream }) => isText(stream)) ?? checkpoint.lastEvent;
    const to: Checkpoint = { position, lastEvent };
    const stops = await stored.commit(session, events, checkpoint, to, stopped);
    for (const { event } of stops) stopped.add(event.stream);
    member.checkpoint = to;
  }

  private member(name: string): Member {
    const member = this.members.find(({ stored }) => stored.projection.name === name);
    if (!member) throw new Error(`projection ${name} is not part of this run`);
    return member;
  }
}

const targetOf = ({ stored, checkpoint }: Member, targets: ReadonlyMap<string, bigint>): bigint =>
  targets.get(stored.projection.name) ?? checkpoint.position;

const follows = ({ projection }: StoredProjection, stream: string): boolean =>
  projection.streamPrefixes.some((prefix) => stream.startsWith(prefix));

const least = (positions: readonly bigint[]): bigint => positions.reduce((a, b) => (b < a ? b : a));
const greatest = (positions: readonly bigint[]): bigint => positions.reduce((a, b) => (b > a ? b : a));

/** Builds projections up to the head of their streams, with nothing compared and nothing swapped. @returns the number of events */
export async function rebuildAll(
  dataSource: DataSource,
  store: EventStore,
  definitions: readonly AnyProjectionDefinition[],
  options: RebuildOptions = {},
): Promise<number> {
  const run = await RebuildRun.open(dataSource, store, definitions, options);
  try {
    const targets = new Map<string, bigint>();
    for (const { projection } of definitions) targets.set(projection.name, await store.headPosition(projection.streamPrefixes));
    await run.foldTo(targets);
    return run.events;
  } finally {
    await run.close();
  }
}
