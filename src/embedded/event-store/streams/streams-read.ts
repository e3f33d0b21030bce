/** Streams.Read: a read that ends, or a subscription that does not. */
import { randomUUID } from 'node:crypto';
import type { EventCursor } from '../log/event-block.js';
import type { EventLog, ReadableHead } from '../log/event-log.js';
import { isSoftDeleted, NUMBER_MAX } from '../log/event-tables.js';
import type { ResponseStream } from '../server/response-stream.js';
import { StreamDeleted, StreamNotFound } from './call-errors.js';
import { allBackwards, allForwards, type EventSource, streamBackwards, streamForwards, takePage } from './event-source.js';
import { encodeResolved } from './links.js';
import type { ReadRequest } from './read-request.js';
import { CAUGHT_UP, encodeCheckpoint, encodeConfirmation, encodeEvent, encodeStreamNotFound } from './read-response.js';
import { inTurn } from './turns.js';

export async function readEvents(log: EventLog, request: ReadRequest, response: ResponseStream): Promise<void> {
  try {
    await sendPages(log, sourceOfRead(log, request), request, response);
  } catch (error) {
    if (!(error instanceof StreamNotFound)) throw error;
    await response.send([encodeStreamNotFound(error.streamName)]);
  }
  response.end();
}

async function sendPages(log: EventLog, source: EventSource, request: ReadRequest, response: ResponseStream): Promise<void> {
  const encode = encoderOf(log, request);
  let remaining = request.eventsMax ?? 0;
  while (remaining > 0 && !response.closed) {
    const eventsMax = remaining;
    const page = await inTurn((untilMs) => takePage(source, encode, request.filter, untilMs, eventsMax));
    await response.send(page.messages);
    remaining -= page.messages.length;
    if (page.isLast) return;
  }
}

/** Backwards, a position of $all is exclusive and a revision is inclusive. Throws StreamNotFound or StreamDeleted. */
function sourceOfRead(log: EventLog, { streamName, from, backwards }: ReadRequest): EventSource {
  const { tables } = log;
  const at = from === 'start' ? 0 : from === 'end' ? NUMBER_MAX : from;
  if (!streamName) return backwards ? allBackwards(tables, at) : allForwards(tables, at);
  const openHead = (): ReadableHead => {
    const head = log.head(streamName);
    if (head?.isTombstoned) throw new StreamDeleted(streamName);
    if (!head || isSoftDeleted(head)) throw new StreamNotFound(streamName);
    return head;
  };
  const head = openHead();
  return backwards ? streamBackwards(tables, head, at) : streamForwards(tables, streamName, openHead, at);
}

const encoderOf = (log: EventLog, { resolveLinks }: ReadRequest): ((event: EventCursor) => Buffer) =>
  resolveLinks ? (event) => encodeResolved(log, event) : encodeEvent;

/**
 * Live is nothing but catching up again after each commit: the log is the only buffer, so there is no seam at which an event
 * could be lost or repeated, and a subscriber that falls behind costs nothing.
 */
export async function subscribe(log: EventLog, request: ReadRequest, response: ResponseStream): Promise<void> {
  const source = sourceOfSubscription(log, request);
  const encode = encoderOf(log, request);
  const alarm = new Alarm();
  response.onClose(log.onCommit(() => alarm.ring(), request.streamName));
  response.onClose(() => alarm.ring());
  await response.send([encodeConfirmation(randomUUID())]);
  let sinceCheckpoint = 0;
  let seen = 0;
  let isCaughtUp = false;
  while (!response.closed) {
    const scannedMax = request.checkpointInterval - sinceCheckpoint;
    const page = await inTurn((untilMs) => takePage(source, encode, request.filter, untilMs, NUMBER_MAX, scannedMax));
    const messages = page.messages;
    sinceCheckpoint += page.scanned;
    seen = page.lastPosition ?? seen;
    const isGoingLive = page.isLast && !isCaughtUp;
    const isCheckpointDue = sinceCheckpoint >= request.checkpointInterval || (isGoingLive && sinceCheckpoint > 0);
    if (request.filter && isCheckpointDue) messages.push(encodeCheckpoint(seen));
    if (isCheckpointDue) sinceCheckpoint = 0;
    if (isGoingLive) messages.push(CAUGHT_UP);
    isCaughtUp ||= page.isLast;
    await response.send(messages);
    if (page.isLast) await alarm.rung();
  }
}

/** A subscription starts after what the client names: that is the last event it has seen. */
function sourceOfSubscription(log: EventLog, { streamName, from }: ReadRequest): EventSource {
  if (!streamName) {
    const after = from === 'start' ? 0 : from === 'end' ? log.lastPosition() : from;
    return allForwards(log.tables, Math.min(after + 1, NUMBER_MAX));
  }
  const head = () => log.head(streamName);
  const found = head();
  if (found?.isTombstoned) throw new StreamDeleted(streamName);
  const after = from === 'start' ? -1 : from === 'end' ? (found?.revision ?? -1) : from;
  return streamForwards(log.tables, streamName, head, after + 1);
}

/** Remembers a ring that comes before anyone listens, so that a commit between a read and the wait is not missed. */
class Alarm {
  private isRung = false;
  private wake: (() => void) | undefined;

  ring(): void {
    this.isRung = true;
    this.wake?.();
  }

  async rung(): Promise<void> {
    if (!this.isRung) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    this.isRung = false;
  }
}
