/** Reads the whole log and its indexes against each other: what is damaged, missing, or points to nowhere. */
import { DamagedBlock, EventCursor } from './event-block.js';
import { readStreamBackwards } from './event-readers.js';
import { decodeHead, type EventTables, NO_NUMBER, NUMBER_MAX, revisionKey } from './event-tables.js';
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
      if (!(error instanceof DamagedBlock) && !(error instanceof RangeError)) throw error;
      // How many events it had is not known, and so neither is how many are missing.
      yield error instanceof DamagedBlock ? error.message : `The block at position ${position} is damaged: it ends too early.`;
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
    const { streamNumber, revision } = decodeHead(value);
    if (streamNumber === NO_NUMBER) continue;
    streams++;
    try {
      const newest = newestOf(tables, streamNumber);
      if (newest?.revision !== revision) yield `The head of ${key} says revision ${revision}, which is not its last event's.`;
      if (newest && !newest.streamNameBytes.equals(key)) yield `The head of ${key} is that of ${newest.streamName}.`;
    } catch (error) {
      // Said already, of the block.
      if (!(error instanceof DamagedBlock)) throw error;
    }
  }
  return { events, streams, lastPosition: Number.isNaN(expectedPosition) ? 0 : expectedPosition - 1 };
}

function* problemsOfBlock({ revisions, streams }: EventTables, cursor: EventCursor, key: Buffer): Generator<string> {
  const { streamNumber, streamName, revision } = cursor;
  if (!revisions.get(revisionKey(streamNumber, revision))?.equals(key)) {
    yield `The index does not find revision ${revision} of ${streamName}.`;
  }
  const head = streams.get(cursor.streamNameBytes);
  if (!head || decodeHead(head).streamNumber !== streamNumber)
    yield `The head of ${streamName} is that of another stream, or none.`;
}

/** @throws DamagedBlock */
function newestOf(tables: EventTables, streamNumber: number): EventCursor | undefined {
  for (const event of readStreamBackwards(tables, streamNumber, NUMBER_MAX, 0)) return event;
  return undefined;
}

/** Throws at the first thing that is not as an append left it. */
export function verifyLog(tables: EventTables): void {
  for (const problem of problemsOf(tables)) throw new Error(problem);
}
