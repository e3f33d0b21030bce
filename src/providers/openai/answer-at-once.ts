import type { IncomingHttpHeaders } from 'node:http';
import type { Breakage, Exchange, Receiver } from '../exchange.js';
import { GrowingBuffer } from '../growing-buffer.js';
import type { ChatObject, CompletedChat, ProviderError } from '../provider.js';
import { toCanonical } from './dialect.js';
import { breakage, brokenAnswer, errorInAnswer, type Origin, refusal } from './failures.js';
import { reportedUsage } from './usage.js';

const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const REFUSAL_BYTES_MAX = 64 * 1024;

/** Gathers a body up to a bound; the head decides the bound. */
export class AnswerAtOnce implements Receiver {
  exchange: Exchange | undefined;
  private status = 0;
  private headers: IncomingHttpHeaders = {};
  private readonly body = new GrowingBuffer();

  constructor(
    private readonly origin: Origin,
    private readonly resolve: (chat: CompletedChat) => void,
    private readonly reject: (error: ProviderError) => void,
  ) {}

  head(status: number, headers: IncomingHttpHeaders): void {
    this.status = status;
    this.headers = headers;
  }

  bytes(chunk: Buffer): void {
    this.body.append(chunk, 0, chunk.length);
    if (this.body.length <= (this.status === 200 ? ANSWER_BYTES_MAX : REFUSAL_BYTES_MAX)) return;
    this.exchange?.abort();
    if (this.status === 200) this.reject(brokenAnswer(this.origin, 'sent an answer beyond all bounds'));
    else this.end();
  }

  end(): void {
    const body = this.body.take();
    if (this.status !== 200) this.reject(refusal(this.origin, this.status, this.headers, body));
    else this.settle(parsedObject(body));
  }

  broken(how: Breakage): void {
    // Half an explanation is no reason to hide what the status has said.
    if (this.status !== 0 && this.status !== 200) this.end();
    else this.reject(breakage(this.origin, how, this.status));
  }

  private settle(completion: ChatObject | undefined) {
    if (completion?.error) return this.reject(errorInAnswer(this.origin, completion));
    if (completion === undefined || !Array.isArray(completion.choices) || completion.choices.length === 0) {
      return this.reject(brokenAnswer(this.origin, 'sent something that is no chat completion'));
    }
    toCanonical(completion);
    this.resolve({
      completion,
      usage: reportedUsage(completion.usage),
      upstreamId: typeof completion.id === 'string' ? completion.id : undefined,
    });
  }
}

/** A JSON object; undefined for anything else. */
export function parsedObject(json: Buffer): ChatObject | undefined {
  try {
    const value: unknown = JSON.parse(json.toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as ChatObject) : undefined;
  } catch {
    return undefined;
  }
}
