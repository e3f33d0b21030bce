import type { IncomingHttpHeaders } from 'node:http';
import type { Breakage, Exchange, Receiver } from '../exchange.js';
import type { ChatSink, ChatStream, ProviderError } from '../provider.js';
import { type EventStreamListener, EventStreamParser, EventTooLarge } from '../sse.js';
import { AnswerAtOnce, parsedObject } from './answer-at-once.js';
import { toCanonical } from './dialect.js';
import { breakage, brokenAnswer, errorInAnswer, type Origin } from './failures.js';
import { TextChunks } from './text-chunk.js';
import { reportedUsage } from './usage.js';

const DONE = Buffer.from('[DONE]');
/** What may still come once the provider has said that it is done: the end of the body, which frees the connection. */
const AFTER_DONE_BYTES_MAX = 64 * 1024;
const AFTER_DONE_MS = 1_000;

/** Reads an event stream into a sink; anything but a 200 with an event stream is read as an answer at once, and thrown. */
export class AnswerInChunks implements Receiver, EventStreamListener, ChatStream {
  exchange: Exchange | undefined;
  private readonly parser = new EventStreamParser(this);
  private readonly texts = new TextChunks();
  private instead: AnswerAtOnce | undefined;
  private opened = false;
  private over = false;
  private paused = false;
  private bytesAfterDone = 0;

  constructor(
    private readonly origin: Origin,
    private readonly sink: ChatSink,
    private readonly resolve: (stream: ChatStream) => void,
    private readonly reject: (error: ProviderError) => void,
  ) {}

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
    this.instead = new AnswerAtOnce(this.origin, notAsked, this.reject);
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

  event(data: Buffer) {
    if (data.length === DONE.length && data.equals(DONE)) return this.finish(true);
    const text = this.texts.recognise(data);
    if (text !== undefined) return this.sink.text(text.index, text.content);
    const chunk = parsedObject(data);
    if (chunk === undefined) return this.failWith(brokenAnswer(this.origin, 'sent an event that is no chat completion chunk'));
    const reported = reportedUsage(chunk.usage);
    if (reported !== undefined) this.sink.usage(reported);
    if (this.over) return;
    if (chunk.error) return this.failWith(errorInAnswer(this.origin, chunk));
    if (reported !== undefined && !(Array.isArray(chunk.choices) && chunk.choices.length > 0)) return;
    this.texts.learn(data);
    toCanonical(chunk);
    this.sink.chunk(chunk);
  }

  end(): void {
    if (this.instead !== undefined) this.instead.end();
    else if (!this.over) this.finish(false);
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

  private finish(complete: boolean): void {
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
