import {
  type ChatCall,
  type ChatSink,
  type ChatStream,
  type CompletedChat,
  callerLeft,
  type Embedded,
  type EmbeddingCall,
  type Provider,
  ProviderError,
} from '../provider.js';
import { CannotSay, type WireFormat } from '../wire-format.js';
import { AnswerAtOnce } from './answer-at-once.js';
import { AnswerInChunks } from './answer-in-chunks.js';
import type { Exchange, Receiver } from './exchange.js';
import { cleaner, type Origin } from './failures.js';
import { Upstream, type UpstreamSettings } from './upstream.js';

export interface HttpProviderSettings extends UpstreamSettings {
  readonly id: string;
  readonly name: string;
  readonly apiKey: string;
}

/** A server that speaks one of the wire formats. */
export class HttpProvider implements Provider {
  readonly id: string;
  readonly name: string;
  readonly takes: ReadonlySet<string>;
  readonly stopsBillingOnAbort: boolean;
  readonly needsOutputLimit: boolean;
  readonly embed?: (call: EmbeddingCall) => Promise<Embedded>;
  private readonly upstream: Upstream;
  private readonly origin: Origin;
  /** Out of sight of whoever logs or serializes this object. */
  readonly #headers: readonly string[];

  constructor(
    settings: HttpProviderSettings,
    private readonly wire: WireFormat,
  ) {
    this.id = settings.id;
    this.name = settings.name;
    this.takes = wire.takes;
    this.stopsBillingOnAbort = wire.stopsBillingOnAbort;
    this.needsOutputLimit = wire.needsOutputLimit;
    this.origin = { id: settings.id, name: settings.name, clean: cleaner(settings.apiKey) };
    this.#headers = [...wire.headers(settings.apiKey), 'content-type', 'application/json', 'accept'];
    this.upstream = new Upstream(settings);
    const { embeddings } = wire;
    if (embeddings) this.embed = (call) => this.embedBy(embeddings, call);
    // Said here once, rather than at every call by an error that may quote the header.
    if (!/^[\x21-\x7e]+$/.test(settings.apiKey))
      throw new Error(`The API key of ${settings.name} holds characters that no key has.`);
  }

  complete(call: ChatCall): Promise<CompletedChat> {
    return new Promise((resolve, reject) => {
      const body = this.saying(() => ({ ...this.wire.body(call, false), ...call.routeParameters }));
      const answer = new AnswerAtOnce(this.origin, (json) => this.wire.completion(json, call), resolve, reject);
      answer.exchange = this.post(this.wire.path(call, false), body, 'application/json', answer);
      this.abortWith(call.signal, answer.exchange, reject);
    });
  }

  stream(call: ChatCall, sink: ChatSink): Promise<ChatStream> {
    return new Promise((resolve, reject) => {
      const body = this.saying(() => ({ ...this.wire.body(call, true), ...call.routeParameters }));
      const answer = new AnswerInChunks(this.origin, sink, (outlet) => this.wire.reader(outlet, call), resolve, reject);
      answer.exchange = this.post(this.wire.path(call, true), body, 'text/event-stream', answer);
      this.abortWith(call.signal, answer, reject);
    });
  }

  /** Cuts every call under way. */
  close(): Promise<void> {
    return this.upstream.close();
  }

  private embedBy(embeddings: NonNullable<WireFormat['embeddings']>, call: EmbeddingCall): Promise<Embedded> {
    return new Promise((resolve, reject) => {
      const body = this.saying(() => embeddings.body(call));
      const answer = new AnswerAtOnce(this.origin, (json) => embeddings.answer(json, call), resolve, reject);
      answer.exchange = this.post(embeddings.path(call), body, 'application/json', answer);
      this.abortWith(call.signal, answer.exchange, reject);
    });
  }

  private saying(say: () => object): object {
    try {
      return say();
    } catch (error) {
      if (!(error instanceof CannotSay)) throw error;
      const { message, param } = error;
      throw new ProviderError('refused', message, { provider: this.name, status: 0, ...(param !== undefined && { param }) });
    }
  }

  private post(path: string, body: object, accept: string, answer: Receiver): Exchange {
    return this.upstream.post(path, [...this.#headers, accept], JSON.stringify(body), answer);
  }

  private abortWith(signal: AbortSignal | undefined, call: { abort(): void }, reject: (error: ProviderError) => void): void {
    if (signal === undefined) return;
    const abort = () => {
      call.abort();
      reject(callerLeft(this.name));
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  }
}
