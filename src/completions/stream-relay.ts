import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { ChatObject, ChatSink, ChatStream, ProviderError, ReportedUsage } from '../providers/index.js';
import { asChoices, generatedText, hasContent, withoutReasoning } from './answers/answer.js';
import type { StreamFrames } from './answers/answer-dialect.js';
import type { Recording, StreamKeeping } from './repeats/recording.js';

/** How a stream ended. */
export type StreamEnd =
  | { readonly as: 'completed' }
  /** We ended it, because the account can pay for no more. */
  | { readonly as: 'out_of_credits' }
  | { readonly as: 'failed'; readonly error: ProviderError }
  | { readonly as: 'broken_off' }
  | { readonly as: 'client_gone' };

export interface RelayTimes {
  /** Silence after which the client gets a comment, so that nothing between us takes the connection for dead. */
  readonly keepAliveMs: number;
  /** How long a client may take nothing before it counts as gone. */
  readonly stallMs: number;
}

export const RELAY_TIMES: RelayTimes = { keepAliveMs: 10_000, stallMs: 120_000 };

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

/** A piece of a body with `Transfer-Encoding: chunked` (RFC 9112, 7.1), and the end of such a body. */
const httpChunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const LAST_CHUNK = '0\r\n\r\n';

/** Text kept to count tokens where the provider reports none; a longer answer is counted by its rate so far. */
const TEXT_KEPT_MAX = 1_000_000;

/** What a relay has to know of one call. */
export interface RelayedCall {
  /** Ends the provider's call when the client leaves; undefined where the call is read to its end instead. */
  readonly abort: (() => void) | undefined;
  /** Whether the client wants nothing of the reasoning. */
  readonly exclude: boolean;
  /** Told of the text as it comes. @param literal as the inside of a JSON string */
  readonly took?: ((text: string, literal: boolean) => void) | undefined;
}

/**
 * Relays the stream of a call to one client, chunk by chunk as they arrive: of the first call, or of one that is made in place of
 * another while nothing was served yet. A slow client pauses the provider; a client that goes away ends the stream, or lets it run on
 * unseen where the provider goes on billing. `ended` resolves once for each call.
 */
export class StreamRelay implements ChatSink {
  ended: Promise<StreamEnd> = new Promise(() => undefined);
  reported: ReportedUsage | undefined;
  upstreamId: string | undefined;
  /** Whether anything generated has come from the provider. */
  generated = false;
  finishReason: string | undefined;
  /** All text in its order, as the inside of a JSON string: most chunks are not parsed. */
  private literals = '';
  textCut = false;
  /** Takes the frames, also those that nobody is there to get. */
  recording: Recording | undefined;
  /** Whether a frame was sent to the client. */
  served = false;
  private end_: (end: StreamEnd) => void = () => undefined;
  private frames: StreamFrames | undefined;
  private call: RelayedCall | undefined;
  private over = false;
  private clientGone = false;
  private blocked = false;
  private heldBack = false;
  private upstream: ChatStream | undefined;
  private readonly raw: ServerResponse;
  /** HTTP/1.0, which many a proxy speaks, has no chunks: the end of the connection ends the body. */
  private readonly inChunks: boolean;
  private readonly keepAlive: NodeJS.Timeout;
  private stall: NodeJS.Timeout | undefined;

  constructor(
    private readonly reply: FastifyReply,
    private readonly keepAliveFrame: string,
    private readonly headers: Readonly<Record<string, string>>,
    private readonly keeping: StreamKeeping = {},
    private readonly times: RelayTimes = RELAY_TIMES,
  ) {
    const raw = reply.raw;
    this.raw = raw;
    this.recording = keeping.recording;
    this.inChunks = reply.request.raw.httpVersion !== '1.0';
    this.keepAlive = setTimeout(() => this.silence(), times.keepAliveMs);
    raw.on('close', () => this.gone());
    raw.on('drain', () => this.drained());
    if (raw.destroyed) this.gone();
  }

  /** A call is about to be made. What an earlier one has said, which nobody was told, is forgotten. */
  begin(frames: StreamFrames, call: RelayedCall): void {
    this.frames = frames;
    this.call = call;
    this.upstream = undefined;
    this.reported = undefined;
    this.upstreamId = undefined;
    this.finishReason = undefined;
    this.generated = false;
    this.over = false;
    this.ended = new Promise((resolve) => {
      this.end_ = resolve;
    });
    if (this.clientGone) this.leave();
  }

  /** Whether the client has been told that this is a stream. */
  get isOpen(): boolean {
    return this.raw.headersSent;
  }

  /** Whether the client is still there. */
  get isConnected(): boolean {
    return !this.clientGone;
  }

  /** Takes the provider's stream, accepted by its 200. */
  attach(upstream: ChatStream): void {
    this.upstream = upstream;
    if (this.blocked || this.heldBack) upstream.pause();
    else this.open();
  }

  chunk(chunk: ChatObject): void {
    if (this.over) return;
    this.upstreamId ??= typeof chunk['id'] === 'string' ? chunk['id'] : undefined;
    for (const choice of asChoices(chunk['choices'])) this.observe(choice);
    if (this.clientGone && !this.recording) return;
    if (this.call?.exclude) for (const choice of asChoices(chunk['choices'])) withoutReasoning(choice['delta']);
    this.pass(this.frames?.chunk(chunk) ?? '');
  }

  text(index: number, content: string): void {
    if (this.over) return;
    if (content.length > '""'.length) {
      this.generated = true;
      this.keep(content);
      this.call?.took?.(content.slice(1, -1), true);
    }
    if (!this.clientGone || this.recording) this.pass(this.frames?.text(index, content) ?? '');
  }

  /** What has been generated, for a tokenizer to count. */
  get generatedText(): string {
    return JSON.parse(`"${this.literals}"`) as string;
  }

  usage(reported: ReportedUsage): void {
    this.reported = reported;
  }

  end(complete: boolean): void {
    this.finish(complete || this.finishReason !== undefined ? { as: 'completed' } : { as: 'broken_off' });
  }

  fail(error: ProviderError): void {
    this.finish({ as: 'failed', error });
  }

  /** Reads no more from the provider until `letGo`. */
  holdBack(): void {
    this.heldBack = true;
    this.upstream?.pause();
  }

  letGo(): void {
    this.heldBack = false;
    if (!this.blocked) this.upstream?.resume();
  }

  /** Ends the answer as if it had reached its limit. */
  cut() {
    if (this.over) return;
    // It has ended by itself, and tells its figures next.
    if (this.finishReason !== undefined) return this.letGo();
    this.call?.abort?.();
    this.finishReason = 'length';
    const choices = [{ index: 0, delta: {}, finish_reason: 'length', native_finish_reason: null }];
    if (!this.clientGone || this.recording) this.pass(this.frames?.chunk({ choices }) ?? '');
    this.finish({ as: 'out_of_credits' });
  }

  /** Writes the last frames and ends the answer. */
  close(last: string): void {
    clearTimeout(this.keepAlive);
    clearTimeout(this.stall);
    if (this.clientGone) return;
    this.open();
    this.raw.end(this.inChunks ? httpChunk(last) + LAST_CHUNK : last);
  }

  /** No stream after all: the client gets an ordinary answer. */
  abandon(): void {
    clearTimeout(this.keepAlive);
    this.over = true;
  }

  private observe(choice: ChatObject): void {
    const delta = choice['delta'] as ChatObject | undefined;
    if (typeof choice['finish_reason'] === 'string') this.finishReason = choice['finish_reason'];
    if (!hasContent(delta)) return;
    this.generated = true;
    const text = generatedText(delta);
    this.keep(JSON.stringify(text));
    this.call?.took?.(text, false);
  }

  /** @param literal with its quotes */
  private keep(literal: string): void {
    if (this.literals.length < TEXT_KEPT_MAX) this.literals += literal.slice(1, -1);
    else this.textCut = true;
  }

  private open(): void {
    if (this.raw.headersSent || this.raw.destroyed) return;
    this.reply.hijack();
    this.raw.writeHead(200, { ...HEADERS, ...this.headers, ...(this.inChunks ? { 'transfer-encoding': 'chunked' } : {}) });
    // Frames are put into their HTTP chunks here, in one piece: Node would write the length, the frame and the line ends as four,
    // which doubles what a frame costs.
    if (this.inChunks) this.raw.chunkedEncoding = false;
    this.raw.flushHeaders();
  }

  private pass(frame: string): void {
    if (frame === '') return;
    this.recording?.add(frame);
    if (this.clientGone) return;
    this.served = true;
    this.write(frame);
  }

  private write(frame: string): void {
    this.open();
    this.keepAlive.refresh();
    if (this.raw.write(this.inChunks ? httpChunk(frame) : frame) || this.blocked) return;
    this.blocked = true;
    this.upstream?.pause();
    this.stall = setTimeout(() => this.raw.destroy(), this.times.stallMs);
  }

  private drained(): void {
    if (!this.blocked) return;
    this.blocked = false;
    clearTimeout(this.stall);
    if (!this.heldBack) this.upstream?.resume();
  }

  private silence(): void {
    if (this.clientGone || this.raw.writableEnded) return;
    if (this.blocked) this.keepAlive.refresh();
    else this.write(this.keepAliveFrame);
  }

  private gone(): void {
    if (this.clientGone || this.raw.writableEnded) return;
    this.clientGone = true;
    clearTimeout(this.keepAlive);
    clearTimeout(this.stall);
    if (!this.over) this.leave();
  }

  /** The client is not there any more: the call is ended, or goes on unseen. */
  private leave(): void {
    if (this.call?.abort) {
      this.call.abort();
      this.finish({ as: 'client_gone' });
    } else {
      if (!this.served) this.recording ??= this.keeping.onUnserved?.();
      this.blocked = false;
      if (!this.heldBack) this.upstream?.resume();
    }
  }

  private finish(end: StreamEnd): void {
    if (this.over) return;
    this.over = true;
    this.end_(end);
  }
}
