/** Reads the whole log and its indexes against each other; for a file of which a part may be lost. */
import { EventCursor } from './event-block.js';
import { decodeHead, type EventTables, revisionKey } from './event-tables.js';

/** Throws at the first thing that is not as an append left it. */
export function verifyLog({ events, revisions, streams }: EventTables): void {
  const cursor = new EventCursor();
  let expectedPosition = 1;
  for (const { key, value } of events.getRange({})) {
    const position = key.readUIntBE(0, 6);
    if (position !== expectedPosition) throw new Error(`position ${expectedPosition} is missing`);
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
    expectedPosition += count;
  }
}
