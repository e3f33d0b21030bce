/**
 * Server-sent events, incrementally over bytes, as the WHATWG parses them (https://html.spec.whatwg.org/multipage/server-sent-events.html):
 * CR, LF and CRLF end lines, a leading BOM is dropped, comments and unknown fields are skipped, `data` lines are joined by LF,
 * and an event counts only once its blank line has come. However the bytes are split, the events are the same.
 *
 * The usual case – one `data` line, whole within one chunk – hands out a view of that chunk and copies nothing.
 */
import { GrowingBuffer } from './growing-buffer.js';

export interface EventStreamListener {
  /** @param data the event's data; may be a view of the chunk being pushed @param event the `event` field, '' without one */
  event(data: Buffer, event: string): void;
}

/** An event beyond the bound: a stranger must not grow our memory. */
export class EventTooLarge extends Error {}

export const EVENT_BYTES_MAX = 16 * 1024 * 1024;

const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;
const EMPTY = Buffer.alloc(0);

export class EventStreamParser {
  /** The part of a line that earlier chunks have brought. */
  private readonly line = new GrowingBuffer();
  /** The data so far, where it is not (any more) the view below. */
  private readonly data = new GrowingBuffer();
  private view: Buffer | undefined;
  private hasData = false;
  private eventName = '';
  private atStart = true;
  private afterCr = false;
  private closed = false;

  constructor(
    private readonly listener: EventStreamListener,
    private readonly bytesMax: number = EVENT_BYTES_MAX,
  ) {}

  /** Nothing is reported afterwards, not even from the chunk at hand. */
  close(): void {
    this.closed = true;
  }

  /** @throws EventTooLarge */
  push(chunk: Buffer): void {
    let from = 0;
    if (this.afterCr && chunk.length > 0) {
      this.afterCr = false;
      if (chunk[0] === LF) from = 1;
    }
    // Looked up once per chunk: JSON holds no raw CR, so that most chunks have none.
    let cr = chunk.indexOf(CR, from);
    while (!this.closed && from < chunk.length) {
      if (cr !== -1 && cr < from) cr = chunk.indexOf(CR, from);
      const lf = chunk.indexOf(LF, from);
      const end = cr === -1 ? lf : lf === -1 ? cr : Math.min(cr, lf);
      if (end === -1) break;
      this.endLine(chunk, from, end);
      from = end + 1;
      if (end !== cr) continue;
      if (from === chunk.length) this.afterCr = true;
      else if (chunk[from] === LF) from++;
    }
    if (this.closed) return;
    if (from < chunk.length) {
      this.bound(this.line.length + chunk.length - from);
      this.line.append(chunk, from, chunk.length);
    }
    // The view is good only as long as its chunk is at hand.
    if (this.view !== undefined) this.keepView();
  }

  private endLine(chunk: Buffer, from: number, end: number) {
    this.bound(this.line.length + end - from);
    if (this.line.length === 0) return this.takeLine(chunk, from, end);
    this.line.append(chunk, from, end);
    const whole = this.line.take();
    this.takeLine(whole, 0, whole.length);
  }

  private takeLine(bytes: Buffer, start: number, end: number): void {
    let from = start;
    if (this.atStart) {
      this.atStart = false;
      if (end - from >= 3 && bytes[from] === 0xef && bytes[from + 1] === 0xbb && bytes[from + 2] === 0xbf) from += 3;
    }
    if (from === end) this.dispatch();
    else if (isField(bytes, from, end, 'data')) this.takeData(bytes, valueStart(bytes, from + 4, end), end);
    else if (isField(bytes, from, end, 'event')) this.eventName = bytes.toString('utf8', valueStart(bytes, from + 5, end), end);
  }

  private takeData(bytes: Buffer, from: number, end: number): void {
    if (!this.hasData) {
      this.hasData = true;
      this.view = from === end ? EMPTY : bytes.subarray(from, end);
      return;
    }
    if (this.view !== undefined) this.keepView();
    this.bound(this.data.length + 1 + end - from);
    this.data.append(NEWLINE, 0, 1);
    this.data.append(bytes, from, end);
  }

  private keepView(): void {
    if (this.view !== undefined) this.data.append(this.view, 0, this.view.length);
    this.view = undefined;
  }

  private dispatch(): void {
    const { hasData, view, eventName } = this;
    this.hasData = false;
    this.view = undefined;
    this.eventName = '';
    if (hasData) this.listener.event(view ?? this.data.take(), eventName);
  }

  private bound(bytes: number): void {
    if (bytes > this.bytesMax) throw new EventTooLarge(`an event of more than ${this.bytesMax} bytes`);
  }
}

const NEWLINE = Buffer.from('\n');

function isField(bytes: Buffer, from: number, end: number, name: string): boolean {
  const after = from + name.length;
  if (after > end || (after < end && bytes[after] !== COLON)) return false;
  for (let index = 0; index < name.length; index++) if (bytes[from + index] !== name.charCodeAt(index)) return false;
  return true;
}

/** Behind the colon and one space, both of which may be missing. */
function valueStart(bytes: Buffer, afterName: number, end: number): number {
  if (afterName === end) return end;
  return afterName + 1 < end && bytes[afterName + 1] === SPACE ? afterName + 2 : afterName + 1;
}
