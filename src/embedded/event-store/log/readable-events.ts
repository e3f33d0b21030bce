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
function firstRevisionSince(tables: EventTables, head: StreamHead, first: number, sinceMs: number): number {
  let low = first;
  let high = head.revision + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const createdMs = createdAt(tables, head, middle);
    if (createdMs === undefined || createdMs >= sinceMs) high = middle;
    else low = middle + 1;
  }
  return low;
}

function createdAt(tables: EventTables, head: StreamHead, revision: number): number | undefined {
  for (const event of readStreamForwards(tables, head, revision)) return event.createdMs;
  return undefined;
}
