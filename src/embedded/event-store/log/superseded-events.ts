/**
 * Takes away what `$maxCount` has made unreadable. A block goes when all of its events have been superseded, so positions in $all
 * have gaps; how many events are gone is counted, so that a loss is not taken for a removal.
 */
import { type EventTables, firstRevisionByCount, positionKey, revisionKey, type StreamHead } from './event-tables.js';

/** Blocks removed with one append: a long stream that is given a limit is shortened little by little. */
const BLOCKS_MAX = 64;
const REMOVED = Buffer.from('removed');

/** To be called inside the transaction of an append. */
export function removeSuperseded(tables: EventTables, head: StreamHead): void {
  if (head.limits.maxCount === 0) return;
  const { streamNumber } = head;
  const kept = revisionKey(streamNumber, firstRevisionByCount(head));
  const range = { start: revisionKey(streamNumber, 0), end: kept, limit: BLOCKS_MAX + 1 };
  const blocks = [...tables.revisions.getRange(range)].map(({ key, value }) => ({
    key: Buffer.from(key),
    position: Buffer.from(value),
  }));
  let removed = 0;
  for (const [index, { key, position }] of blocks.slice(0, BLOCKS_MAX).entries()) {
    // The last one before the first event that is kept may reach into it; whether it does, its successor says.
    const next = blocks[index + 1]?.key ?? nextBlock(tables, kept, streamNumber);
    if (next === undefined || next.compare(kept) > 0) break;
    removed += next.readUIntBE(6, 6) - key.readUIntBE(6, 6);
    tables.revisions.removeSync(key);
    tables.events.removeSync(position);
  }
  if (removed > 0) tables.counters.putSync(REMOVED, positionKey(removedCount(tables) + removed));
}

/** Events that were removed since the log began. A file from before anything was removed has no counters until a node opens it. */
export const removedCount = ({ counters }: Partial<EventTables>): number => counters?.get(REMOVED)?.readUIntBE(0, 6) ?? 0;

/** The first block of the stream that begins at a revision or after it. */
function nextBlock({ revisions }: EventTables, start: Buffer, streamNumber: number): Buffer | undefined {
  return [...revisions.getKeys({ start, end: revisionKey(streamNumber + 1, 0), limit: 1 })][0];
}
