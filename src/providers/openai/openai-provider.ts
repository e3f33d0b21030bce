import type { Exchange } from '../exchange.js';
import { type ChatCall, type ChatSink, type ChatStream, type CompletedChat, type Provider, ProviderError } from '../provider.js';
import { Upstream, type UpstreamSettings } from '../upstream.js';
import { AnswerAtOnce } from './answer-at-once.js';
import { AnswerInChunks } from './answer-in-chunks.js';
import { cleaner, type Origin } from './failures.js';

export interface OpenAiSettings extends UpstreamSettings {
  readonly id: string;
  readonly name: string;
  readonly apiKey: string;
}

/** A server that speaks OpenAI's chat completions: OpenAI, DeepSeek, and whatever is compatible with them. */
export class OpenAiProvider implements Provider {
  readonly id: string;
  readonly name: string;
  readonly stopsBillingOnAbort = true;
  private readonly upstream: Upstream;
  private readonly origin: Origin;
  /** Out of sight of whoever logs or serializes this object. */
  readonly #authorization: string;

  constructor(settings: OpenAiSettings) {
    this.id = settings.id;
    this.name = settings.name;
    this.origin = { id: settings.id, name: settings.name, clean: cleaner(settings.apiKey) };
    this.#authorization = `Bearer ${settings.apiKey}`;
    this.upstream = new Upstream(settings);
    // Said here once, rather than at every call by an error that may quote the header.
    if (!/^[\x21-\x7e]+$/.test(settings.apiKey))
      throw new Error(`The API key of ${settings.name} holds characters that no key has.`);
  }

  complete(call: ChatCall): Promise<CompletedChat> {
    return new Promise((resolve, reject) => {
      const answer = new AnswerAtOnce(this.origin, resolve, reject);
      answer.exchange = this.post({ ...call.parameters, model: call.upstreamModel, stream: false }, 'application/json', answer);
      this.abortWith(call.signal, answer.exchange, reject);
    });
  }

  stream(call: ChatCall, sink: ChatSink): Promise<ChatStream> {
    return new Promise((resolve, reject) => {
      const answer = new AnswerInChunks(this.origin, sink, resolve, reject);
      const stream = { stream: true, stream_options: { include_usage: true } };
      answer.exchange = this.post({ ...call.parameters, model: call.upstreamModel, ...stream }, 'text/event-stream', answer);
      this.abortWith(call.signal, answer, reject);
    });
  }

  /** Cuts every call under way. */
  close(): Promise<void> {
    return this.upstream.close();
  }

  private post(body: object, accept: string, answer: AnswerAtOnce | AnswerInChunks): Exchange {
    const headers = ['authorization', this.#authorization, 'content-type', 'application/json', 'accept', accept];
    return this.upstream.post('/chat/completions', headers, JSON.stringify(body), answer);
  }

  private abortWith(signal: AbortSignal | undefined, call: { abort(): void }, reject: (error: ProviderError) => void): void {
    if (signal === undefined) return;
    const abort = () => {
      call.abort();
      reject(new ProviderError('unavailable', 'The caller left.', { provider: this.name, status: 0 }));
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  }
}
