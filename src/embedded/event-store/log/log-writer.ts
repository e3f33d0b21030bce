/** Writes appends and deletions into the tables, each judged against what stands before it. To be called inside a transaction. */
import { randomUUID } from 'node:crypto';
import { decideAppend, type ExpectedRevision, NO_STREAM, type StoredStream } from './decide-append.js';
import { encodeBlock, type ProposedEvent, TOMBSTONE_REVISION } from './event-block.js';
import { lastPosition, readAllBackwards, readStreamForwards } from './event-readers.js';
import {
  type EventTables,
  encodeHead,
  isSoftDeleted,
  isTombstoned,
  NO_HEAD,
  NO_LIMITS,
  NO_NUMBER,
  NUMBER_MAX,
  positionKey,
  revisionKey,
  type StreamHead,
  type StreamLimits,
  storedHead,
} from './event-tables.js';
import { RecentEventIds } from './recent-event-ids.js';
import {
  describedStream,
  isClosed,
  limitsOf,
  METADATA_TYPE,
  metadataStreamOf,
  recreatedFrom,
  SOFT_DELETED_METADATA,
} from './stream-metadata.js';
import { removeSuperseded } from './superseded-events.js';

const RECENT_EVENT_IDS_MAX = 20_000;
const TOMBSTONE_TYPE = Buffer.from('$streamDeleted');
const NOTHING = Buffer.alloc(0);

interface Write {
  readonly streamName: Buffer;
  readonly expectedRevision: ExpectedRevision;
  /** Not written if its turn comes after this time; milliseconds since the epoch. */
  readonly deadlineMs: number;
}

export interface Append extends Write {
  readonly events: readonly ProposedEvent[];
}

export interface Deletion extends Write {
  /** A stream that is tombstoned can never be written again. */
  readonly isTombstone: boolean;
}

export type WriteOutcome =
  | { readonly kind: 'appended'; readonly revision: number; readonly position: number | undefined }
  | { readonly kind: 'wrong_expected_revision'; readonly currentRevision: number }
  | { readonly kind: 'stream_deleted' }
  | { readonly kind: 'deadline_exceeded' };

/** Somebody else has written to the log, which one process alone may do. */
export class NotTheEnd extends Error {
  constructor(position: number) {
    super(`Position ${position} is not the end of the log: another process writes to it.`);
  }
}

const DEADLINE_EXCEEDED: WriteOutcome = { kind: 'deadline_exceeded' };

/** Where the next event and the next stream go. */
interface Tail {
  nextPosition: number;
  nextStreamNumber: number;
}

export class LogWriter {
  /** Undefined where somebody else has written to the end of the log, until it is read again. */
  private committedTail: Tail | undefined;
  private tail: Tail;
  private readonly recentIds = new RecentEventIds(RECENT_EVENT_IDS_MAX);
  private written: Buffer[] = [];

  constructor(private readonly tables: EventTables) {
    // Already here, so that damage at the end of the log refuses the start.
    this.committedTail = this.recallTail();
    this.tail = { ...this.committedTail };
  }

  /** To be called first in each transaction. */
  begin(): void {
    this.committedTail ??= this.recallTail();
    this.tail = { ...this.committedTail };
  }

  /** To be called when the transaction is on disk. Returns the names of the streams that it wrote to. */
  commit(): readonly Buffer[] {
    const { written } = this;
    this.committedTail = this.tail;
    this.recentIds.commit();
    this.written = [];
    return written;
  }

  /** To be called when the transaction has been undone. */
  rollBack(): void {
    this.recentIds.rollBack();
    this.written = [];
  }

  append(append: Append): WriteOutcome {
    const { streamName, events } = append;
    const nowMs = Date.now();
    if (nowMs > append.deadlineMs) return DEADLINE_EXCEEDED;
    const head = this.storedHead(streamName);
    const refusal = this.refusal(
      append,
      head,
      events.map(({ id }) => id),
    );
    if (refusal) return refusal;
    const described = describedStream(streamName);
    const describedHead = described ? this.storedHead(described) : NO_HEAD;
    if (events.length > 0) this.put(streamName, head, events, nowMs);
    const position = events.length > 0 ? this.tail.nextPosition - 1 : undefined;
    // Also where nothing was appended: that, too, makes a deleted stream be there again.
    if (isSoftDeleted(head)) this.recreate(streamName, head.revision + 1, nowMs);
    if (described && isSoftDeleted(describedHead)) this.recreate(described, describedHead.revision + 1, nowMs);
    return { kind: 'appended', revision: head.revision + events.length, position };
  }

  delete(deletion: Deletion): WriteOutcome {
    const { streamName } = deletion;
    const nowMs = Date.now();
    if (nowMs > deletion.deadlineMs) return DEADLINE_EXCEEDED;
    const head = this.storedHead(streamName);
    const refusal = this.refusal(deletion, head, [newId()]);
    if (refusal) return refusal;
    if (deletion.isTombstone) this.putTombstone(streamName, head, nowMs);
    else {
      const metadataStream = metadataStreamOf(streamName);
      const metadataHead = this.storedHead(metadataStream);
      if (isTombstoned(metadataHead)) return { kind: 'stream_deleted' };
      const isNowhere = head.revision === NO_STREAM && metadataHead.revision === NO_STREAM;
      if (isNowhere) return { kind: 'wrong_expected_revision', currentRevision: NO_STREAM };
      this.put(metadataStream, metadataHead, [metadataEvent(SOFT_DELETED_METADATA)], nowMs);
    }
    return { kind: 'appended', revision: head.revision, position: this.tail.nextPosition - 1 };
  }

  /** What is kept in memory is read back from the end of the log. */
  private recallTail(): Tail {
    const newest: Parameters<RecentEventIds['add']>[0][] = [];
    for (const { streamNumber, id, revision, position } of readAllBackwards(this.tables, NUMBER_MAX)) {
      if (newest.length === RECENT_EVENT_IDS_MAX) break;
      newest.push({ streamNumber, id: Buffer.from(id), revision, position });
    }
    this.recentIds.clear();
    for (const event of newest.reverse()) this.recentIds.add(event);
    this.recentIds.commit();
    const lastStream = [...this.tables.revisions.getKeys({ reverse: true, limit: 1 })][0];
    return {
      nextPosition: lastPosition(this.tables) + 1,
      nextStreamNumber: lastStream ? lastStream.readUIntBE(0, 6) + 1 : 1,
    };
  }

  /** The outcome where nothing is to be written: a refusal, or what a repeated append was answered at first. */
  private refusal({ streamName, expectedRevision }: Write, head: StreamHead, ids: readonly Buffer[]): WriteOutcome | undefined {
    const decision = decideAppend(expectedRevision, ids, this.storedStream(streamName, head));
    switch (decision.kind) {
      case 'write':
        return undefined;
      case 'repeated':
        return { ...decision, kind: 'appended' };
      case 'wrong_expected_revision':
        return { kind: decision.kind, currentRevision: head.revision };
      case 'stream_deleted':
        return decision;
    }
  }

  private put(streamName: Buffer, head: StreamHead, events: readonly ProposedEvent[], createdMs: number): void {
    const firstRevision = head.revision + 1;
    const streamNumber = this.putBlock(streamName, head, firstRevision, events, createdMs);
    const newHead = { ...head, streamNumber, revision: head.revision + events.length };
    this.tables.streams.putSync(streamName, encodeHead(streamName, newHead));
    removeSuperseded(this.tables, newHead);
    const described = describedStream(streamName);
    if (described) this.limit(described, limitsOf(events.at(-1) as ProposedEvent));
  }

  private putTombstone(streamName: Buffer, head: StreamHead, createdMs: number): void {
    const event = { id: newId(), type: TOMBSTONE_TYPE, isJson: false, metadata: NOTHING, data: NOTHING };
    const streamNumber = this.putBlock(streamName, head, TOMBSTONE_REVISION, [event], createdMs);
    this.tables.streams.putSync(streamName, encodeHead(streamName, { ...head, streamNumber, revision: TOMBSTONE_REVISION }));
    // Metadata that are closed for ever say nothing any more.
    const described = describedStream(streamName);
    if (described) this.limit(described, NO_LIMITS);
  }

  /** Returns the number of the stream, which its first block gives it. */
  private putBlock(
    streamName: Buffer,
    head: StreamHead,
    firstRevision: number,
    events: readonly ProposedEvent[],
    createdMs: number,
  ): number {
    const { tail } = this;
    const streamNumber = head.streamNumber === NO_NUMBER ? tail.nextStreamNumber++ : head.streamNumber;
    const key = positionKey(tail.nextPosition);
    const block = encodeBlock({ createdMs, streamNumber, firstRevision, streamName }, events);
    // Refused where an event has this position or a later one: then another process writes, and what is known here is not true.
    const isPut: unknown = this.tables.events.putSync(key, block, { append: true });
    if (isPut === false) {
      this.committedTail = undefined;
      throw new NotTheEnd(tail.nextPosition);
    }
    this.tables.revisions.putSync(revisionKey(streamNumber, firstRevision), key);
    for (const [index, { id }] of events.entries()) {
      this.recentIds.add({ streamNumber, id, revision: firstRevision + index, position: tail.nextPosition + index });
    }
    tail.nextPosition += events.length;
    this.written.push(streamName);
    return streamNumber;
  }

  /** A stream may be given limits before its first event. */
  private limit(streamName: Buffer, limits: StreamLimits): void {
    const head = { ...this.storedHead(streamName), limits };
    this.tables.streams.putSync(streamName, encodeHead(streamName, head));
    removeSuperseded(this.tables, head);
  }

  /** A deleted stream that is written or described again begins anew: what was there before `revision` stays out of sight. */
  private recreate(streamName: Buffer, revision: number, nowMs: number): void {
    const metadataStream = metadataStreamOf(streamName);
    const head = this.storedHead(metadataStream);
    for (const newest of readStreamForwards(this.tables, head, head.revision)) {
      const metadata = recreatedFrom(revision, newest.data);
      if (metadata) this.put(metadataStream, head, [metadataEvent(metadata)], nowMs);
      return;
    }
  }

  private storedStream(streamName: Buffer, head: StreamHead): StoredStream {
    const { streamNumber, revision } = head;
    return {
      revision,
      isTombstoned: isClosed(this.tables, streamName, head),
      isSoftDeleted: isSoftDeleted(head),
      hasMetadata: () => this.storedHead(metadataStreamOf(streamName)).revision !== NO_STREAM,
      recent: (id) => this.recentIds.get(streamNumber, id),
      eventsFrom: (at) => readStreamForwards(this.tables, head, at),
    };
  }

  private storedHead(streamName: Buffer): StreamHead {
    return storedHead(this.tables, streamName) ?? NO_HEAD;
  }
}

const newId = (): Buffer => Buffer.from(randomUUID().replaceAll('-', ''), 'hex');

const metadataEvent = (data: Buffer): ProposedEvent => ({
  id: newId(),
  type: METADATA_TYPE,
  isJson: true,
  metadata: NOTHING,
  data,
});
