/** Reads the whole log and its indexes against each other; for a file of which a part may be lost. */
import { EventCursor } from './event-block.js';
import { decodeHead, type EventTables, revisionKey } from './event-tables.js';
import { removedCount } from './superseded-events.js';

/** Throws at the first thing that is not as an append left it. */
export function verifyLog(tables: EventTables): void {
  const { events, revisions, streams } = tables;
  const cursor = new EventCursor();
  let expectedPosition = 1;
  let missing = 0;
  for (const { key, value } of events.getRange({})) {
    const position = key.readUIntBE(0, 6);
    missing += position - expectedPosition;
    cursor.load(value, position);
    const { streamNumber, streamName, revision, count } = cursor;
    cursor.moveTo(count - 1);
    if (!revisions.get(revisionKey(streamNumber, revision))?.equals(key)) {
      throw new Error(`the index does not find revision ${revision} of ${streamName}`);
    }
    const head = streams.get(Buffer.from(streamName));
    if (!head || decodeHead(head).streamNumber !== streamNumber || decodeHead(head).revision < cursor.revision) {
      throw new Error(`the head of ${streamName} is behind revision ${cursor.revision}`);
    }
    expectedPosition = position + count;
  }
  const removed = removedCount(tables);
  if (missing !== removed) throw new Error(`${missing} events are missing, of which ${removed} were removed`);
}
