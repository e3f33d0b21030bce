/** Events of type `$>` stand for another event, which their data name as `revision@stream`. */
import type { EventCursor } from '../log/event-block.js';
import type { EventLog } from '../log/event-log.js';
import { readStreamForwards } from '../log/event-readers.js';
import { isSoftDeleted } from '../log/event-tables.js';
import { firstReadableRevision } from '../log/readable-events.js';
import { MESSAGE_BYTES_MAX } from '../server/response-stream.js';
import { encodeEvent, encodeResolvedLink } from './read-response.js';

const LINK_TYPE = Buffer.from('$>');
const REVISION = /^(\d{1,15}|-1)$/;
const NEWEST = -1;

/**
 * Encodes an event as read, or a link together with the event that it resolves to, if that is still to be read, and both fit into one
 * message. What does not begin with a revision is no link, whatever its type.
 */
export function encodeResolved(log: EventLog, event: EventCursor): Buffer {
  if (!event.hasType(LINK_TYPE)) return encodeEvent(event);
  const [revision = '', ...name] = event.data.toString().split('@');
  if (!REVISION.test(revision)) return encodeEvent(event);
  const resolved = encodeResolvedLink(event, find(log, Buffer.from(name.join('@')), Number(revision)));
  return resolved.length > MESSAGE_BYTES_MAX ? encodeResolvedLink(event, undefined) : resolved;
}

function find(log: EventLog, streamName: Buffer, wanted: number): EventCursor | undefined {
  const head = log.head(streamName);
  if (!head || head.isTombstoned || isSoftDeleted(head)) return undefined;
  const revision = wanted === NEWEST ? head.revision : wanted;
  if (revision > head.revision || revision < firstReadableRevision(log.tables, head)) return undefined;
  for (const event of readStreamForwards(log.tables, head, revision)) {
    return event.revision === revision ? event : undefined;
  }
  return undefined;
}
