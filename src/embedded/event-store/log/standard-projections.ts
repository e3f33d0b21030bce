/**
 * EventStoreDB's standard projections, as far as they index the log by links: `$ce-<category>` (what stands before the first dash
 * of a stream's name), `$et-<event type>` and `$streams` (the first event of every stream). They follow the log by themselves, a
 * moment behind it; links and the position up to which they are made are written in one transaction, so that each is made once.
 * Deletions are not linked.
 */
import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { type EventCursor, type ProposedEvent, TOMBSTONE_REVISION } from './event-block.js';
import type { EventLog } from './event-log.js';
import { readAllForwards } from './event-readers.js';
import { type EventTables, positionKey, STREAM_NAME_BYTES_MAX } from './event-tables.js';
import type { LogWriter } from './log-writer.js';

/** So small that appends do not wait long behind the links of others. */
const EVENTS_PER_TRANSACTION_MAX = 256;
const LINKED_UP_TO = Buffer.from('linked');
const LINK_TYPE = Buffer.from('$>');
const NOTHING = Buffer.alloc(0);
const DASH = '-';
const SYSTEM_PREFIX = '$';

interface Links {
  readonly byStream: ReadonlyMap<string, ProposedEvent[]>;
  readonly upTo: number;
}

/** Follows the log until it is stopped. */
export function startStandardProjections(log: EventLog): void {
  let upTo = linkedUpTo(log.tables);
  let isRunning = false;
  const follow = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    try {
      for (let next = linksAfter(log.tables, upTo); !log.isStopped && next.upTo > upTo; next = linksAfter(log.tables, upTo)) {
        const links = next;
        if (links.byStream.size > 0) await log.write((writer) => putLinks(log.tables, writer, links));
        else await setImmediate();
        upTo = links.upTo;
      }
    } catch {
      // What refuses these refuses appends too, and says so to those who wait for them. They are made after the next commit.
    }
    isRunning = false;
  };
  log.onCommit(follow);
  void follow();
}

const linkedUpTo = ({ counters }: EventTables): number => counters.get(LINKED_UP_TO)?.readUIntBE(0, 6) ?? 0;

function linksAfter(tables: EventTables, position: number): Links {
  const byStream = new Map<string, ProposedEvent[]>();
  let upTo = position;
  let scanned = 0;
  for (const event of readAllForwards(tables, position + 1)) {
    upTo = event.position;
    for (const streamName of streamsOf(event)) {
      const links = byStream.get(streamName) ?? [];
      links.push(linkTo(event));
      byStream.set(streamName, links);
    }
    if (++scanned === EVENTS_PER_TRANSACTION_MAX) break;
  }
  return { byStream, upTo };
}

function streamsOf(event: EventCursor): string[] {
  if (event.hasType(LINK_TYPE) || event.revision === TOMBSTONE_REVISION) return [];
  const { streamName, type, revision } = event;
  const streams = [`$et-${type}`];
  const dashAt = streamName.startsWith(SYSTEM_PREFIX) ? -1 : streamName.indexOf(DASH);
  if (dashAt > 0) streams.push(`$ce-${streamName.slice(0, dashAt)}`);
  if (revision === 0) streams.push('$streams');
  return streams.filter((name) => Buffer.byteLength(name) <= STREAM_NAME_BYTES_MAX);
}

const linkTo = ({ revision, streamName }: EventCursor): ProposedEvent => ({
  id: randomBytes(16),
  type: LINK_TYPE,
  isJson: false,
  metadata: NOTHING,
  data: Buffer.from(`${revision}@${streamName}`),
});

function putLinks(tables: EventTables, writer: LogWriter, { byStream, upTo }: Links): void {
  for (const [streamName, events] of byStream) {
    const deadlineMs = Number.POSITIVE_INFINITY;
    writer.append({ streamName: Buffer.from(streamName), expectedRevision: 'any', events, deadlineMs });
  }
  tables.counters.putSync(LINKED_UP_TO, positionKey(upTo));
}
