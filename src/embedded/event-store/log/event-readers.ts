/**
 * Walks over the log, a block at a time. Each generator yields one cursor that it moves; nothing survives the next step.
 * They are synchronous and short-lived: a caller takes a page, sends it, and starts again from where it stopped, so that no
 * LMDB snapshot is held while a slow client reads. They throw LogDamaged at a block that is not what it was, or not where, and where
 * an event of a stream is missing: only the oldest ones are ever removed, and the newest one never.
 */
import { EventCursor, TOMBSTONE_REVISION } from './event-block.js';
import { type EventTables, isTombstoned, NUMBER_MAX, positionKey, revisionKey, type StreamHead } from './event-tables.js';
import { damagedBlock, LogDamaged } from './log-damaged.js';

const OUT_OF_ORDER = 'it is not where it was written';

/** Events at `position` and after it. */
export function* readAllForwards({ events }: EventTables, position: number): Generator<EventCursor> {
  const cursor = new EventCursor();
  const start = blockKeyAtOrBefore(events, position) ?? positionKey(position);
  let end = 0;
  for (const { key, value } of events.getRange({ start })) {
    const firstPosition = key.readUIntBE(0, 6);
    cursor.load(value, firstPosition);
    if (firstPosition < end) throw damagedBlock(firstPosition, OUT_OF_ORDER);
    end = firstPosition + cursor.count;
    for (let index = Math.max(0, position - firstPosition); index < cursor.count; index++) {
      cursor.moveTo(index);
      yield cursor;
    }
  }
}

/** Events before `position`, newest first. */
export function* readAllBackwards({ events }: EventTables, position: number): Generator<EventCursor> {
  if (position === 0) return;
  const cursor = new EventCursor();
  let next = Number.POSITIVE_INFINITY;
  for (const { key, value } of events.getRange({ start: positionKey(position - 1), reverse: true })) {
    const firstPosition = key.readUIntBE(0, 6);
    cursor.load(value, firstPosition);
    if (firstPosition + cursor.count > next) throw damagedBlock(firstPosition, OUT_OF_ORDER);
    next = firstPosition;
    for (let index = Math.min(cursor.count, position - firstPosition) - 1; index >= 0; index--) {
      cursor.moveTo(index);
      yield cursor;
    }
  }
}

/** Events of one stream with `revision` and after it. */
export function* readStreamForwards(tables: EventTables, head: StreamHead, revision: number): Generator<EventCursor> {
  const { streamNumber } = head;
  const cursor = new EventCursor();
  const first = [...tables.revisions.getKeys({ ...downTo(streamNumber, revision), limit: 1 })][0];
  const start = first ?? revisionKey(streamNumber, revision);
  const range = tables.revisions.getRange({ start, end: revisionKey(streamNumber + 1, 0) });
  let next: number | undefined;
  for (const { key, value } of range) {
    loadBlock(tables, cursor, key, value);
    const firstRevision = key.readUIntBE(6, 6);
    if (next !== undefined && firstRevision !== next && firstRevision !== TOMBSTONE_REVISION) throw missing(head, next);
    next = firstRevision + cursor.count;
    for (let index = Math.max(0, revision - firstRevision); index < cursor.count; index++) {
      cursor.moveTo(index);
      yield cursor;
    }
  }
  const behindLast = next ?? revision;
  if (behindLast <= head.revision) throw missing(head, behindLast);
}

/** Events of one stream with `revision` and before it, down to `first`, newest first. */
export function* readStreamBackwards(
  tables: EventTables,
  head: StreamHead,
  revision: number,
  first: number,
): Generator<EventCursor> {
  const cursor = new EventCursor();
  // Before a tombstone no revision has to be there.
  let next = isTombstoned(head) ? TOMBSTONE_REVISION : Math.min(revision, head.revision) + 1;
  for (const { key, value } of tables.revisions.getRange(downTo(head.streamNumber, revision))) {
    loadBlock(tables, cursor, key, value);
    const firstRevision = key.readUIntBE(6, 6);
    if (firstRevision + cursor.count < next && next !== TOMBSTONE_REVISION) throw missing(head, next - 1);
    next = firstRevision;
    for (let index = Math.min(cursor.count - 1, revision - firstRevision); index >= 0; index--) {
      cursor.moveTo(index);
      if (cursor.revision < first) return;
      yield cursor;
    }
  }
}

/** Position of the newest event, 0 in an empty log. */
export function lastPosition(tables: EventTables): number {
  for (const event of readAllBackwards(tables, NUMBER_MAX)) return event.position;
  return 0;
}

function blockKeyAtOrBefore(events: EventTables['events'], position: number): Buffer | undefined {
  return [...events.getKeys({ start: positionKey(position), reverse: true, limit: 1 })][0];
}

/** From `revision` down to the first of the stream; the end of an LMDB range is exclusive, hence the key just before it. */
function downTo(streamNumber: number, revision: number) {
  return { start: revisionKey(streamNumber, revision), end: beforeStream(streamNumber), reverse: true };
}

function beforeStream(streamNumber: number): Buffer {
  return revisionKey(streamNumber - 1, NUMBER_MAX);
}

/** The checksum is the block's own; that it is the one meant, its header says. */
function loadBlock({ events }: EventTables, cursor: EventCursor, revision: Buffer, position: Buffer): void {
  const firstPosition = position.readUIntBE(0, 6);
  const streamNumber = revision.readUIntBE(0, 6);
  const firstRevision = revision.readUIntBE(6, 6);
  const block = events.get(position);
  if (!block) throw damagedBlock(firstPosition, 'the index names it, and it is not there');
  cursor.load(block, firstPosition);
  if (cursor.streamNumber !== streamNumber || cursor.revision !== firstRevision) {
    throw damagedBlock(firstPosition, 'the index means another one');
  }
}

const missing = ({ streamNumber }: StreamHead, revision: number): LogDamaged =>
  new LogDamaged(`Event ${revision} of stream number ${streamNumber} is missing.`);
