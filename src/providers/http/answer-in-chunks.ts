import type { IncomingHttpHeaders } from 'node:http';
import type { ChatObject, ChatSink, ChatStream, ProviderError, ReportedUsage } from '../provider.js';
import type { EventReader, StreamOutlet } from '../wire-format.js';
import { AnswerAtOnce } from './answer-at-once.js';
import type { Breakage, Exchange, Receiver } from './exchange.js';
import { breakage, brokenAnswer, errorInAnswer, type Origin } from './failures.js';
import { type EventStreamListener, EventStreamParser, EventTooLarge } from './sse.js';

/** What may still come once the provider has said that it is done: the end of the body, which frees the connection. */
const AFTER_DONE_BYTES_MAX = 64 * 1024;
const AFTER_DONE_MS = 1_000;

/** Reads an event stream into a sink; anything but a 200 with an event stream is read as an answer at once, and thrown. */
export class AnswerInChunks implements Receiver, EventStreamListener, ChatStream, StreamOutlet {
  exchange: Exchange | undefined;
  private readonly parser = new EventStreamParser(this);
  private readonly reader: EventReader;
  private instead: AnswerAtOnce<never> | undefined;
  private opened = false;
  private over = false;
  private paused = false;
  private bytesAfterDone = 0;

  constructor(
    private readonly origin: Origin,
    private readonly sink: ChatSink,
    readerOf: (outlet: StreamOutlet) => EventReader,
    private readonly resolve: (stream: ChatStream) => void,
    private readonly reject: (error: ProviderError) => void,
  ) {
    this.reader = readerOf(this);
  }

  get isOpen(): boolean {
    return !this.over;
  }

  pause(): void {
    if (this.over) return;
    this.paused = true;
    this.exchange?.pause();
  }

  resume(): void {
    this.paused = false;
    this.exchange?.resume();
  }

  abort(): void {
    if (this.over) return;
    this.over = true;
    this.parser.close();
    this.exchange?.abort();
  }

  head(status: number, headers: IncomingHttpHeaders) {
    const type = headers['content-type']?.toLowerCase();
    if (status === 200 && (type === undefined || type.startsWith('text/event-stream'))) return this.open();
    const notAsked = () => this.reject(brokenAnswer(this.origin, 'did not answer with a stream'));
    this.instead = new AnswerAtOnce<never>(this.origin, (json) => json as never, notAsked, this.reject);
    this.instead.exchange = this.exchange;
    this.instead.head(status, headers);
  }

  bytes(chunk: Buffer) {
    if (this.instead !== undefined) return this.instead.bytes(chunk);
    if (this.over) return this.ignore(chunk);
    try {
      this.parser.push(chunk);
    } catch (error) {
      if (!(error instanceof EventTooLarge)) throw error;
      this.failWith(brokenAnswer(this.origin, `sent ${error.message}`));
    }
  }

  event(data: Buffer, name: string) {
    this.reader.event(data, name);
  }

  chunk(chunk: ChatObject): void {
    if (!this.over) this.sink.chunk(chunk);
  }

  text(index: number, content: string): void {
    if (!this.over) this.sink.text(index, content);
  }

  usage(reported: ReportedUsage): void {
    if (!this.over) this.sink.usage(reported);
  }

  finish(): void {
    if (!this.over) this.close(true);
  }

  failed(answer: ChatObject): void {
    if (!this.over) this.failWith(errorInAnswer(this.origin, answer));
  }

  brokenBy(what: string): void {
    if (!this.over) this.failWith(brokenAnswer(this.origin, what));
  }

  end(): void {
    if (this.instead !== undefined) this.instead.end();
    else if (!this.over) this.close(this.reader.bodyEnded());
  }

  broken(how: Breakage) {
    if (this.instead !== undefined) return this.instead.broken(how);
    if (!this.opened) return this.reject(breakage(this.origin, how, 0));
    if (this.over) return;
    this.over = true;
    this.sink.fail(breakage(this.origin, how, 200));
  }

  /** The first chunk may lie in the same packet as the head: it waits until the caller holds the stream. */
  private open(): void {
    this.opened = true;
    this.exchange?.pause();
    this.resolve(this);
    setImmediate(() => {
      if (!this.paused) this.exchange?.resume();
    });
  }

  private close(complete: boolean): void {
    this.over = true;
    this.parser.close();
    if (complete) this.endWithin(AFTER_DONE_MS);
    this.sink.end(complete);
  }

  private failWith(error: ProviderError): void {
    this.abort();
    this.sink.fail(error);
  }

  private endWithin(milliseconds: number): void {
    this.exchange?.resume();
    this.exchange?.endWithin(milliseconds);
  }

  private ignore(chunk: Buffer): void {
    this.bytesAfterDone += chunk.length;
    if (this.bytesAfterDone > AFTER_DONE_BYTES_MAX) this.exchange?.abort();
  }
}
