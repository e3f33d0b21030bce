/** Where the events of a stream begin that its metadata leave to be read. */
import { readStreamForwards } from './event-readers.js';
import { type EventTables, firstRevisionByCount, type StreamHead } from './event-tables.js';

/** Beyond the newest revision where nothing is left. */
export function firstReadableRevision(tables: EventTables, head: StreamHead): number {
  const first = Math.max(firstRevisionByCount(head), head.limits.truncateBefore);
  if (head.limits.maxAgeMs === 0) return first;
  return firstRevisionSince(tables, head, first, Date.now() - head.limits.maxAgeMs);
}

/** The times of a stream's events go up with their revisions, so that the first young one is found by halving. */
function firstRevisionSince(tables: EventTables, { streamNumber, revision }: StreamHead, first: number, sinceMs: number): number {
  let low = first;
  let high = revision + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const createdMs = createdAt(tables, streamNumber, middle);
    if (createdMs === undefined || createdMs >= sinceMs) high = middle;
    else low = middle + 1;
  }
  return low;
}

function createdAt(tables: EventTables, streamNumber: number, revision: number): number | undefined {
  for (const event of readStreamForwards(tables, streamNumber, revision)) return event.createdMs;
  return undefined;
}
