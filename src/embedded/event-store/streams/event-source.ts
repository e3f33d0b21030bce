/** Where a read or a subscription stands, and the next page from there. */
import { type EventCursor, TOMBSTONE_REVISION } from '../log/event-block.js';
import type { ReadableHead } from '../log/event-log.js';
import { readAllBackwards, readAllForwards, readStreamBackwards, readStreamForwards } from '../log/event-readers.js';
import { type EventTables, NUMBER_MAX, type StreamHead } from '../log/event-tables.js';
import { firstReadableRevision } from '../log/readable-events.js';
import { StreamDeleted } from './call-errors.js';
import type { EventFilter } from './event-filter.js';

export interface EventSource {
  /** The events not yet passed. */
  events(): Iterable<EventCursor>;
  pass(event: EventCursor): void;
}

export function allForwards(tables: EventTables, from: number): EventSource {
  let next = from;
  return {
    events: () => readAllForwards(tables, next),
    pass: ({ position }) => {
      next = position + 1;
    },
  };
}

export function allBackwards(tables: EventTables, before: number): EventSource {
  let end = before;
  return {
    events: () => readAllBackwards(tables, end),
    pass: ({ position }) => {
      end = position;
    },
  };
}

/**
 * The stream may come into being later: its head is looked up until it is there. What its metadata hide is passed over as long as
 * there is something to catch up with; what comes after that is live, and shown, whatever has been said of it since. The tombstone of
 * one that is closed for ever is its last event; after that it throws StreamDeleted.
 */
export function streamForwards(
  tables: EventTables,
  streamName: Buffer,
  head: () => ReadableHead | undefined,
  from: number,
): EventSource {
  let next = from;
  let isLive = false;
  return {
    *events() {
      const found = head();
      if (found && next > found.revision && found.isTombstoned) throw new StreamDeleted(streamName);
      if (found && next <= found.revision) {
        yield* readStreamForwards(tables, found, isLive ? next : Math.max(next, firstReadableRevision(tables, found)));
        next = found.revision + 1;
      }
      isLive = true;
    },
    pass: ({ revision }) => {
      next = revision + 1;
    },
  };
}

export function streamBackwards(tables: EventTables, head: StreamHead, from: number): EventSource {
  const first = firstReadableRevision(tables, head);
  let next = Math.min(from, head.revision);
  return {
    events: () => (next < first ? [] : readStreamBackwards(tables, head, next, first)),
    pass: (event) => {
      next = event.revision - 1;
    },
  };
}

export interface Page {
  /** Encoded ReadResp messages, one for each event that passed the filter. */
  readonly messages: Buffer[];
  readonly scanned: number;
  /** Of the last event scanned. */
  readonly lastPosition: number | undefined;
  /** Nothing lies behind this page for now. */
  readonly isLast: boolean;
}

/** What a subscriber that does not read holds in memory; for how long others wait, `untilMs` says. */
const PAGE_EVENTS_MAX = 512;
const PAGE_SCANNED_MAX = 4096;
const PAGE_BYTES_MAX = 1024 * 1024;

/** At least one event is looked at, also where `untilMs`, as performance.now() counts, is over by then: a filter may be slow. */
export function takePage(
  source: EventSource,
  encode: (event: EventCursor) => Buffer,
  filter: EventFilter | undefined,
  untilMs: number,
  eventsMax = NUMBER_MAX,
  scannedMax = NUMBER_MAX,
): Page {
  const messages: Buffer[] = [];
  let scanned = 0;
  let bytes = 0;
  let lastPosition: number | undefined;
  const isFull = () =>
    messages.length >= Math.min(eventsMax, PAGE_EVENTS_MAX) ||
    scanned >= Math.min(scannedMax, PAGE_SCANNED_MAX) ||
    bytes >= PAGE_BYTES_MAX ||
    performance.now() > untilMs;
  for (const event of source.events()) {
    source.pass(event);
    scanned++;
    lastPosition = event.position;
    if (!filter || filter(event)) {
      const message = encode(event);
      bytes += message.length;
      messages.push(message);
    }
    // Behind a tombstone is the end of its stream, which the next page finds.
    if (isFull() || event.revision === TOMBSTONE_REVISION) return { messages, scanned, lastPosition, isLast: false };
  }
  return { messages, scanned, lastPosition, isLast: true };
}
