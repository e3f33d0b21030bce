/** Events of type `$>` stand for another event, which their data name as `revision@stream`. */
import type { EventCursor } from '../log/event-block.js';
import type { EventLog } from '../log/event-log.js';
import { readStreamForwards } from '../log/event-readers.js';
import { isSoftDeleted, isTombstoned } from '../log/event-tables.js';
import { firstReadableRevision } from '../log/readable-events.js';
import { encodeEvent, encodeResolvedLink } from './read-response.js';

const LINK_TYPE = Buffer.from('$>');
const LINK_DATA = /^(\d{1,15})@(.+)$/s;

/** Encodes an event as read, or a link together with the event that it resolves to, if that is still to be read. */
export function encodeResolved(log: EventLog, event: EventCursor): Buffer {
  if (!event.hasType(LINK_TYPE)) return encodeEvent(event);
  const [, revision, streamName] = LINK_DATA.exec(event.data.toString()) ?? [];
  return encodeResolvedLink(event, streamName === undefined ? undefined : find(log, Buffer.from(streamName), Number(revision)));
}

function find(log: EventLog, streamName: Buffer, revision: number): EventCursor | undefined {
  const head = log.head(streamName);
  if (!head || isTombstoned(head) || isSoftDeleted(head)) return undefined;
  if (revision > head.revision || revision < firstReadableRevision(log.tables, head)) return undefined;
  for (const event of readStreamForwards(log.tables, head.streamNumber, revision)) {
    return event.revision === revision ? event : undefined;
  }
  return undefined;
}
