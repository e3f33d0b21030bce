import type { IncomingHttpHeaders } from 'node:http';
import type { ChatObject, ProviderError } from '../provider.js';
import type { Breakage, Exchange, Receiver } from './exchange.js';
import { breakage, brokenAnswer, errorInAnswer, type Origin, refusal } from './failures.js';
import { GrowingBuffer } from './growing-buffer.js';

const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const REFUSAL_BYTES_MAX = 64 * 1024;

/** Gathers a body up to a bound; the head decides the bound. */
export class AnswerAtOnce<Answer> implements Receiver {
  exchange: Exchange | undefined;
  private status = 0;
  private headers: IncomingHttpHeaders = {};
  private readonly body = new GrowingBuffer();

  constructor(
    private readonly origin: Origin,
    /** undefined where the object is no answer. */
    private readonly read: (json: ChatObject) => Answer | undefined,
    private readonly resolve: (answer: Answer) => void,
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

  private settle(json: ChatObject | undefined) {
    if (json?.['error']) return this.reject(errorInAnswer(this.origin, json));
    const answer = json && this.read(json);
    if (answer === undefined) return this.reject(brokenAnswer(this.origin, 'sent something that is no answer'));
    this.resolve(answer);
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
