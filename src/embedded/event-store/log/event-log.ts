/**
 * The log: appends in, committed events out. All appends that arrive while a commit is on its way share the next one; each is
 * judged inside that transaction against what stands before it, and answered only when the transaction is on disk.
 */
import { existsSync } from 'node:fs';
import { createDataFile, dataFileOf, describeOpenFailure, makeFullLength } from './data-file.js';
import { NO_STREAM } from './decide-append.js';
import { FREE_BYTES_MIN, requireDiskSpace } from './disk-space.js';
import { sizeOf } from './event-block.js';
import { lastPosition } from './event-readers.js';
import { createTables, type EventTables, NO_HEAD, openTables, type StreamHead, storedHead } from './event-tables.js';
import { type Append, type Deletion, LogWriter, type WriteOutcome } from './log-writer.js';
import { describedStream, isClosed, METADATA_STREAM_LIMITS } from './stream-metadata.js';
import { verifyLog } from './verify-log.js';

const WRITES_PER_COMMIT_MAX = 1024;
/** A write that is larger is committed by itself. */
const BYTES_PER_COMMIT_MAX = 16 * 2 ** 20;

interface QueuedWrite {
  readonly write: (writer: LogWriter) => unknown;
  /** About what it takes on disk. */
  readonly bytes: number;
  readonly answer: (outcome: never) => void;
  readonly fail: (error: unknown) => void;
}

/** One write of a transaction threw: it fails alone, and those beside it are tried again. */
class WriteFailed extends Error {
  constructor(
    readonly write: QueuedWrite,
    cause: unknown,
  ) {
    super('A write failed.', { cause });
  }
}

/** Nothing is written any more, because the node ends. */
export class LogStopped extends Error {}

/** The head of a stream that is there, or was. */
export interface ReadableHead extends StreamHead {
  /** Closed for ever: by a tombstone of its own, or, where it holds the metadata of a stream, by that stream's. */
  readonly isTombstoned: boolean;
}

type CommitListener = () => void;

export class EventLog {
  private queue: QueuedWrite[] = [];
  private committing: Promise<void> | undefined;
  private nextWritesMax = WRITES_PER_COMMIT_MAX;
  private stopped = false;
  private readonly writer: LogWriter;
  private readonly listeners = new Set<CommitListener>();
  private readonly listenersByStream = new Map<string, Set<CommitListener>>();

  private constructor(
    readonly tables: EventTables,
    private readonly requireSpace: (bytes: number) => void,
  ) {
    this.writer = new LogWriter(tables);
  }

  /** Rejects when the file is damaged or cannot be opened. */
  static async open(dataDir: string, freeBytesMin: number = FREE_BYTES_MIN): Promise<EventLog> {
    const file = dataFileOf(dataDir);
    if (!existsSync(file)) await createDataFile(file, createTables);
    let tables: EventTables | undefined;
    let removePadding: (() => void) | undefined;
    try {
      removePadding = makeFullLength(file);
      tables = openTables(file);
      if (removePadding) verifyLog(tables);
      return new EventLog(tables, (bytes) => requireDiskSpace(dataDir, freeBytesMin + bytes));
    } catch (error) {
      await tables?.root.close();
      removePadding?.();
      throw describeOpenFailure(file, error);
    }
  }

  /** Resolves when the outcome is final: for an appended event, when it is on disk. Rejects when the disk refuses, or after `stop`. */
  append(append: Append): Promise<WriteOutcome> {
    return this.write((writer) => writer.append(append), sizeOf(append.events));
  }

  /** The same of a deletion; its position is that of the event that says so. */
  delete(deletion: Deletion): Promise<WriteOutcome> {
    return this.write((writer) => writer.delete(deletion));
  }

  /**
   * Runs in the next transaction, beside what else is queued; resolves with what it returned when that is on disk. Writes that take
   * more than a few MiB there say so in `bytes`.
   */
  write<Outcome>(write: (writer: LogWriter) => Outcome, bytes = 0): Promise<Outcome> {
    if (this.stopped) return Promise.reject(new LogStopped('No more appends are taken.'));
    return new Promise<Outcome>((answer, fail) => {
      this.queue.push({ write, bytes, answer, fail });
      this.committing ??= this.commitQueue();
    });
  }

  /** As reads see the stream. Undefined where nothing was ever appended to it. */
  head(streamName: Buffer): ReadableHead | undefined {
    const head = storedHead(this.tables, streamName) ?? NO_HEAD;
    const isTombstoned = isClosed(this.tables, streamName, head);
    if (head.revision === NO_STREAM && !isTombstoned) return undefined;
    return { ...head, ...(describedStream(streamName) && { limits: METADATA_STREAM_LIMITS }), isTombstoned };
  }

  lastPosition(): number {
    return lastPosition(this.tables);
  }

  /** Whether no more is written. */
  get isStopped(): boolean {
    return this.stopped;
  }

  /** Calls back after every commit, or after those that write to one stream; returns how to stop that. */
  onCommit(listener: CommitListener, streamName?: Buffer): () => void {
    if (streamName === undefined) {
      this.listeners.add(listener);
      return () => this.listeners.delete(listener);
    }
    const key = streamName.toString('latin1');
    const listeners = this.listenersByStream.get(key) ?? new Set();
    this.listenersByStream.set(key, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.listenersByStream.delete(key);
    };
  }

  /** Takes no more appends and waits for those taken. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.committing;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.tables.root.close();
  }

  private async commitQueue(): Promise<void> {
    while (this.queue.length > 0) await this.commitNext();
    this.committing = undefined;
  }

  private async commitNext(): Promise<void> {
    let group: QueuedWrite[] = [];
    try {
      // Only a child transaction is rolled back by lmdb when its callback throws; a plain one would commit half of it.
      const outcomes = await this.tables.root.childTransaction(() => {
        group = this.takeGroup();
        this.requireSpace(bytesOf(group));
        this.writer.begin();
        return group.map((write) => this.run(write));
      });
      const written = this.writer.commit();
      for (const [index, { answer }] of group.entries()) answer(outcomes[index] as never);
      this.tellCommit(written);
    } catch (error) {
      this.writer.rollBack();
      if (error instanceof WriteFailed) this.tryWithout(error, group);
      else for (const { fail } of group) fail(error);
    }
  }

  private takeGroup(): QueuedWrite[] {
    const writesMax = this.nextWritesMax;
    this.nextWritesMax = WRITES_PER_COMMIT_MAX;
    let bytes = 0;
    const end = this.queue.findIndex((write, index) => {
      bytes += write.bytes;
      return index === writesMax || (index > 0 && bytes > BYTES_PER_COMMIT_MAX);
    });
    return this.queue.splice(0, end === -1 ? this.queue.length : end);
  }

  /** Those before the one that failed are committed by themselves: however many fail, no write is tried more than twice. */
  private tryWithout({ write, cause }: WriteFailed, group: readonly QueuedWrite[]): void {
    write.fail(cause);
    this.queue.unshift(...group.filter((other) => other !== write));
    this.nextWritesMax = group.indexOf(write) || WRITES_PER_COMMIT_MAX;
  }

  private run(queued: QueuedWrite): unknown {
    try {
      return queued.write(this.writer);
    } catch (cause) {
      throw new WriteFailed(queued, cause);
    }
  }

  private tellCommit(written: readonly Buffer[]): void {
    for (const listener of [...this.listeners]) listener();
    if (this.listenersByStream.size === 0) return;
    for (const key of new Set(written.map((streamName) => streamName.toString('latin1')))) {
      for (const listener of [...(this.listenersByStream.get(key) ?? [])]) listener();
    }
  }
}

const bytesOf = (writes: readonly QueuedWrite[]): number => writes.reduce((sum, { bytes }) => sum + bytes, 0);
