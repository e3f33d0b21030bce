/**
 * The log: appends in, committed events out. All appends that arrive while a commit is on its way share the next one; each is
 * judged inside that transaction against what stands before it, and answered only when the transaction is on disk.
 */
import { join } from 'node:path';
import { createDataFile, describeOpenFailure, makeFullLength } from './data-file.js';
import { decideAppend, type ExpectedRevision, NO_STREAM } from './decide-append.js';
import { encodeBlock, type ProposedEvent } from './event-block.js';
import { lastPosition, readAllBackwards, readStreamForwards } from './event-readers.js';
import {
  decodeHead,
  type EventTables,
  encodeHead,
  NO_NUMBER,
  NUMBER_MAX,
  openTables,
  positionKey,
  revisionKey,
  STREAM_NAME_BYTES_MAX,
  type StreamHead,
} from './event-tables.js';
import { RecentEventIds } from './recent-event-ids.js';
import { describedStream, maxCountOf } from './stream-metadata.js';
import { removeSuperseded } from './superseded-events.js';
import { verifyLog } from './verify-log.js';

const DATA_FILE = 'events.mdb';
const APPENDS_PER_COMMIT_MAX = 1024;
const RECENT_EVENT_IDS_MAX = 20_000;

export interface Append {
  readonly streamName: Buffer;
  readonly expectedRevision: ExpectedRevision;
  readonly events: readonly ProposedEvent[];
  /** Not written if its turn comes after this time; milliseconds since the epoch. */
  readonly deadlineMs: number;
}

export type AppendOutcome =
  | { readonly kind: 'appended'; readonly revision: number; readonly position: number | undefined }
  | { readonly kind: 'wrong_expected_revision'; readonly currentRevision: number }
  | { readonly kind: 'deadline_exceeded' };

const NO_HEAD: StreamHead = { streamNumber: NO_NUMBER, revision: NO_STREAM };

interface QueuedAppend {
  readonly append: Append;
  readonly answer: (outcome: AppendOutcome) => void;
  readonly fail: (error: unknown) => void;
}

export class EventLog {
  private queue: QueuedAppend[] = [];
  private committing: Promise<void> | undefined;
  private isStopped = false;
  private nextPosition = 0;
  private nextStreamNumber = 0;
  private readonly recentIds = new RecentEventIds(RECENT_EVENT_IDS_MAX);
  private readonly commitListeners = new Set<() => void>();

  private constructor(readonly tables: EventTables) {
    this.recallTail();
  }

  /** Rejects when the file is damaged or cannot be opened. */
  static async open(dataDir: string): Promise<EventLog> {
    const file = join(dataDir, DATA_FILE);
    await createDataFile(file, (path) => openTables(path).root.close());
    let tables: EventTables | undefined;
    let removePadding: (() => void) | undefined;
    try {
      removePadding = makeFullLength(file);
      tables = openTables(file);
      if (removePadding) verifyLog(tables);
      return new EventLog(tables);
    } catch (error) {
      await tables?.root.close();
      removePadding?.();
      throw describeOpenFailure(file, error);
    }
  }

  /** Resolves when the outcome is final: for an appended event, when it is on disk. Rejects when the disk refuses, or after `stop`. */
  append(append: Append): Promise<AppendOutcome> {
    if (this.isStopped) return Promise.reject(new Error('event store: no more appends are taken'));
    return new Promise((answer, fail) => {
      this.queue.push({ append, answer, fail });
      this.committing ??= this.commitQueue();
    });
  }

  /** Undefined where nothing was ever appended to the stream. */
  head(streamName: Buffer): StreamHead | undefined {
    const head = this.storedHead(streamName);
    return head?.streamNumber === NO_NUMBER ? undefined : head;
  }

  lastPosition(): number {
    return lastPosition(this.tables);
  }

  /** Calls back after every commit; returns how to stop that. */
  onCommit(listener: () => void): () => void {
    this.commitListeners.add(listener);
    return () => this.commitListeners.delete(listener);
  }

  /** Takes no more appends and waits for those taken. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.committing;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.tables.root.close();
  }

  private async commitQueue(): Promise<void> {
    while (this.queue.length > 0) {
      let group: QueuedAppend[] = [];
      try {
        // Only a child transaction is rolled back by lmdb when its callback throws; a plain one would commit half of it.
        const outcomes = await this.tables.root.childTransaction(() => {
          group = this.queue.splice(0, APPENDS_PER_COMMIT_MAX);
          return group.map(({ append }) => this.write(append));
        });
        for (const [index, { answer }] of group.entries()) answer(outcomes[index] as AppendOutcome);
        for (const listener of [...this.commitListeners]) listener();
      } catch (error) {
        const failed = group.length > 0 ? group : this.queue.splice(0);
        for (const { fail } of failed) fail(error);
        this.recallTail();
      }
    }
    this.committing = undefined;
  }

  private write({ streamName, expectedRevision, events, deadlineMs }: Append): AppendOutcome {
    const nowMs = Date.now();
    if (nowMs > deadlineMs) return { kind: 'deadline_exceeded' };
    const head = this.storedHead(streamName) ?? NO_HEAD;
    const { streamNumber, revision } = head;
    const decision = decideAppend(
      expectedRevision,
      events.map(({ id }) => id),
      this.storedStream(streamNumber, revision),
    );
    if (decision.kind === 'wrong_expected_revision') return { kind: decision.kind, currentRevision: revision };
    if (decision.kind === 'repeated') return { ...decision, kind: 'appended' };
    if (events.length === 0) return { kind: 'appended', revision, position: undefined };
    this.put(streamName, head, events, nowMs);
    return { kind: 'appended', revision: revision + events.length, position: this.nextPosition - 1 };
  }

  private put(streamName: Buffer, head: StreamHead, events: readonly ProposedEvent[], createdMs: number): void {
    const streamNumber = head.streamNumber === NO_NUMBER ? this.nextStreamNumber++ : head.streamNumber;
    const firstRevision = head.revision + 1;
    const key = positionKey(this.nextPosition);
    const block = encodeBlock({ createdMs, streamNumber, firstRevision, streamName }, events);
    this.tables.events.putSync(key, block, { append: true });
    this.tables.revisions.putSync(revisionKey(streamNumber, firstRevision), key);
    const newHead = { streamNumber, revision: head.revision + events.length, maxCount: head.maxCount };
    this.tables.streams.putSync(streamName, encodeHead(newHead));
    removeSuperseded(this.tables, newHead);
    const described = describedStream(streamName);
    if (described) this.limit(described, maxCountOf(events));
    for (const [index, { id }] of events.entries()) {
      this.recentIds.add(id, { streamNumber, revision: firstRevision + index, position: this.nextPosition + index });
    }
    this.nextPosition += events.length;
  }

  /** A stream may be given a limit before its first event. */
  private limit(streamName: Buffer, maxCount: number | undefined): void {
    const head = { ...(this.storedHead(streamName) ?? NO_HEAD), maxCount };
    this.tables.streams.putSync(streamName, encodeHead(head));
    removeSuperseded(this.tables, head);
  }

  private storedHead(streamName: Buffer): StreamHead | undefined {
    if (streamName.length === 0 || streamName.length > STREAM_NAME_BYTES_MAX) return undefined;
    const head = this.tables.streams.get(streamName);
    return head && decodeHead(head);
  }

  private storedStream(streamNumber: number, revision: number) {
    return {
      revision,
      recent: (id: Buffer) => {
        const event = this.recentIds.get(id);
        return event?.streamNumber === streamNumber ? event : undefined;
      },
      positionOf: (at: number, id: Buffer) => {
        for (const event of readStreamForwards(this.tables, streamNumber, at)) {
          return event.id.equals(id) ? event.position : undefined;
        }
        return undefined;
      },
    };
  }

  /** What the log keeps in memory is read back from its end: at the start, and after a commit that failed. */
  private recallTail(): void {
    const newest: [Buffer, { streamNumber: number; revision: number; position: number }][] = [];
    for (const event of readAllBackwards(this.tables, NUMBER_MAX)) {
      if (newest.length === RECENT_EVENT_IDS_MAX) break;
      const { streamNumber, revision, position } = event;
      newest.push([Buffer.from(event.id), { streamNumber, revision, position }]);
    }
    this.recentIds.clear();
    for (const [id, event] of newest.reverse()) this.recentIds.add(id, event);
    this.nextPosition = lastPosition(this.tables) + 1;
    const lastStream = [...this.tables.revisions.getKeys({ reverse: true, limit: 1 })][0];
    this.nextStreamNumber = lastStream ? lastStream.readUIntBE(0, 6) + 1 : 1;
  }
}
