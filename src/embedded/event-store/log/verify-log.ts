/** Reads the whole log and its indexes against each other: what is damaged, missing, or points to nowhere. */
import { NO_STREAM } from './decide-append.js';
import { EventCursor } from './event-block.js';
import { readStreamBackwards } from './event-readers.js';
import { decodeHead, type EventTables, NO_NUMBER, NUMBER_MAX, revisionKey, type StreamHead } from './event-tables.js';
import { LogDamaged } from './log-damaged.js';
import { removedCount } from './superseded-events.js';

/** How many keys are walked over between two calls of `progress`. */
const PROGRESS_KEYS = 10_000;

export interface LogFacts {
  readonly events: number;
  readonly streams: number;
  readonly lastPosition: number;
}

/**
 * Yields each problem in words, and returns what was read. The walk is synchronous, so that all of it sees one commit, also where
 * another process writes; until it ends, that process cannot use again what it frees.
 */
export function* problemsOf(tables: EventTables, progress: (keys: number) => void = () => {}): Generator<string, LogFacts> {
  let walked = 0;
  const step = (): void => {
    if (++walked % PROGRESS_KEYS === 0) progress(walked);
  };
  let blocks = 0;
  let events = 0;
  let missing = 0;
  let expectedPosition = 1;
  const cursor = new EventCursor();
  for (const { key, value } of tables.events.getRange({})) {
    step();
    blocks++;
    const position = key.readUIntBE(0, 6);
    try {
      cursor.load(value, position);
    } catch (error) {
      if (!(error instanceof LogDamaged) && !(error instanceof RangeError)) throw error;
      // How many events it had is not known, and so neither is how many are missing.
      yield error instanceof LogDamaged ? error.message : `The block at position ${position} is damaged: it ends too early.`;
      expectedPosition = Number.NaN;
      continue;
    }
    if (position > expectedPosition) missing += position - expectedPosition;
    yield* problemsOfBlock(tables, cursor, key);
    events += cursor.count;
    expectedPosition = position + cursor.count;
  }
  const removed = removedCount(tables);
  if (missing !== removed && !Number.isNaN(expectedPosition)) {
    yield `${missing} events are missing, of which ${removed} were removed because newer ones superseded them.`;
  }
  const entries = tables.revisions.getKeysCount();
  if (entries !== blocks) yield `The index of revisions has ${entries} entries for ${blocks} blocks.`;
  let streams = 0;
  for (const { key, value } of tables.streams.getRange({})) {
    step();
    const head = decoded(key, value);
    if (head instanceof LogDamaged) yield head.message;
    else if (head.streamNumber !== NO_NUMBER) {
      streams++;
      yield* problemsOfHead(tables, key, head);
    }
  }
  return { events, streams, lastPosition: Number.isNaN(expectedPosition) ? 0 : expectedPosition - 1 };
}

function* problemsOfBlock({ revisions, streams }: EventTables, cursor: EventCursor, key: Buffer): Generator<string> {
  const { streamNumber, streamName, revision } = cursor;
  if (!revisions.get(revisionKey(streamNumber, revision))?.equals(key)) {
    yield `The index does not find revision ${revision} of ${streamName}.`;
  }
  const stored = streams.get(cursor.streamNameBytes);
  const head = stored && decoded(cursor.streamNameBytes, stored);
  // One that is damaged is said when it is come to.
  if (head instanceof LogDamaged) return;
  if (head?.streamNumber !== streamNumber) yield `The head of ${streamName} is that of another stream, or none.`;
}

function* problemsOfHead(tables: EventTables, streamName: Buffer, head: StreamHead): Generator<string> {
  try {
    const newest = newestOf(tables, head);
    if (newest?.revision !== head.revision)
      yield `The head of ${streamName} says revision ${head.revision}, which is not its last event's.`;
    if (newest && !newest.streamNameBytes.equals(streamName)) yield `The head of ${streamName} is that of ${newest.streamName}.`;
  } catch (error) {
    // Said already, of the block.
    if (!(error instanceof LogDamaged)) throw error;
  }
}

function decoded(streamName: Buffer, head: Buffer): StreamHead | LogDamaged {
  try {
    return decodeHead(streamName, head);
  } catch (error) {
    if (error instanceof LogDamaged) return error;
    throw error;
  }
}

/** Whatever the head says of it. Throws LogDamaged. */
function newestOf(tables: EventTables, head: StreamHead): EventCursor | undefined {
  for (const event of readStreamBackwards(tables, { ...head, revision: NO_STREAM }, NUMBER_MAX, 0)) return event;
  return undefined;
}

/** Throws at the first thing that is not as an append left it. */
export function verifyLog(tables: EventTables): void {
  for (const problem of problemsOf(tables)) throw new Error(problem);
}
