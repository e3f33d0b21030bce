import type { Usage } from '../pricing/index.js';
import type { ReasoningPlan } from './reasoning.js';

/**
 * What a provider is to the rest of the program. The canonical form is OpenRouter's chat completion, which is OpenAI's with reasoning:
 * a wire format is one folder that turns that form into the provider's and back, and reports the provider's own usage figures in
 * canonical classes.
 */
export interface Provider {
  /** Stable id used in routes and evidence: `openai`, `anthropic`, `demo`. */
  readonly id: string;
  /** The name shown to clients: `OpenAI`. */
  readonly name: string;
  /** Request parameters that it has a word for, by OpenRouter's names. What it has none for is dropped. */
  readonly takes: ReadonlySet<string>;
  /** Whether closing the connection stops generation and billing; otherwise a stream is read to its end when the client leaves. */
  readonly stopsBillingOnAbort: boolean;
  /** Whether a call may go out without a limit on its output. */
  readonly needsOutputLimit: boolean;
  /** One answer at once. Throws ProviderError. Never retried here: a POST that may have been sent is not sent twice. */
  complete(call: ChatCall): Promise<CompletedChat>;
  /** Resolves when the provider has accepted (its 200); throws ProviderError before that. Afterwards everything goes to the sink. */
  stream(call: ChatCall, sink: ChatSink): Promise<ChatStream>;
  /** Embeds texts; absent where it cannot. Throws ProviderError. */
  embed?(call: EmbeddingCall): Promise<Embedded>;
}

/** A request in the canonical form, checked: messages, and parameters by OpenRouter's names. */
export interface ChatParameters {
  readonly messages: readonly ChatMessage[];
  readonly [name: string]: unknown;
}

export interface ChatMessage {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool' | 'function';
  readonly content?: string | readonly ContentPart[] | null | undefined;
  readonly [name: string]: unknown;
}

/** `text`, `image_url`, `file`, `input_audio`, …, as OpenRouter has them. */
export interface ContentPart {
  readonly type: string;
  readonly [name: string]: unknown;
}

export interface ChatCall {
  /** The model's name at the provider. */
  readonly upstreamModel: string;
  /** What the caller asked. Only what is allow-listed goes upstream: a stranger's `api_base` must not lead our key elsewhere. */
  readonly request: ChatParameters;
  /** Parameters that the model takes, by OpenRouter's names: no other one is sent. */
  readonly supportedParameters: readonly string[];
  /** The most tokens that one choice may have, reasoning included; the reservation counts on it. undefined: no limit is sent. */
  readonly outputTokensMax: number | undefined;
  /** How the model is to reason; undefined where nothing is to be said of it. */
  readonly reasoning: ReasoningPlan | undefined;
  /** Members of the body that every call on this route carries, laid over all others. */
  readonly routeParameters?: Readonly<Record<string, unknown>> | undefined;
  /** The caller has left: the connection is destroyed at once, also while the provider has not answered yet. */
  readonly signal?: AbortSignal | undefined;
}

/** A JSON object of a chat completion or chunk, as parsed. */
export type ChatObject = { [name: string]: unknown };

export interface CompletedChat {
  readonly completion: ChatObject;
  readonly usage: ReportedUsage | undefined;
  readonly upstreamId: string | undefined;
}

export interface EmbeddingCall {
  readonly upstreamModel: string;
  /** Texts, or texts as token numbers. */
  readonly input: readonly (string | readonly number[])[];
  readonly dimensions?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Embedded {
  /** One vector for each input, in order. */
  readonly vectors: readonly (readonly number[])[];
  readonly usage: ReportedUsage | undefined;
}

/** The provider's figures in canonical classes, and what did not add up in them. */
export interface ReportedUsage {
  readonly usage: Usage;
  readonly anomalies: readonly string[];
}

/** Takes the frames of a stream as they arrive. Exactly one of `end` and `fail` comes last. */
export interface ChatSink {
  /** One chunk in the canonical form. The sink owns it. */
  chunk(chunk: ChatObject): void;
  /**
   * A chunk that only adds text to one choice, and is otherwise like the chunk before it.
   * @param content the text as a JSON string literal, with its quotes
   */
  text(index: number, content: string): void;
  /** The provider's usage figures; the last call counts. */
  usage(reported: ReportedUsage): void;
  /** The stream is over. `complete`: the provider said so, rather than just closing. */
  end(complete: boolean): void;
  /** The stream broke off: an error event, a reset, silence beyond the idle timeout, or something that is no SSE. */
  fail(error: ProviderError): void;
}

export interface ChatStream {
  /** Stops reading from the provider until `resume`: back-pressure of a slow client. The idle timeout does not run meanwhile. */
  pause(): void;
  resume(): void;
  /** Closes the connection to the provider. Nothing reaches the sink afterwards. */
  abort(): void;
}

/** How a call failed, in terms of what the caller of the API is told. */
export type ProviderFailure =
  | 'rate_limited' // 429
  | 'overloaded' // 503, 529
  | 'unavailable' // no connection, 5xx, broken answer
  | 'timeout' // no connection, no first byte or no further byte in time; 408, 504
  | 'refused' // 400, 413, 422: the request itself, told to the client
  | 'credentials'; // 401, 402, 403, 404: our own key, balance or configuration; never the client's fault

export class ProviderError extends Error {
  constructor(
    readonly failure: ProviderFailure,
    /** Without keys, URLs or prompts. For `refused` the provider's own words. */
    message: string,
    readonly details: {
      /** Its name, as clients see it. */
      readonly provider: string;
      /** The provider's HTTP status; 0 where there was none. */
      readonly status: number;
      readonly retryAfterSeconds?: number;
      /** The provider's own error code, where it sent one. */
      readonly code?: string;
      readonly param?: string;
    },
  ) {
    super(message);
  }
}

const CALLER_LEFT = 'caller_left';

/** The end of a call whose caller has left, with nginx's status for that: it says nothing of the provider. */
export const callerLeft = (provider: string): ProviderError =>
  new ProviderError('unavailable', 'The caller left.', { provider, status: 499, code: CALLER_LEFT });

export const isCallerLeft = ({ details }: ProviderError): boolean => details.code === CALLER_LEFT;
