import type { Usage } from '../pricing/index.js';

/**
 * What a provider is to the rest of the program. The canonical form is OpenAI's chat completion: a wire format is one folder
 * that turns that form into the provider's and back, and reports the provider's own usage figures in canonical classes.
 */
export interface Provider {
  /** Stable id used in routes and evidence: `openai`, `deepseek`, `demo`. */
  readonly id: string;
  /** The name shown to clients: `OpenAI`. */
  readonly name: string;
  /** Whether closing the connection stops generation and billing; otherwise a stream is read to its end when the client leaves. */
  readonly stopsBillingOnAbort: boolean;
  /** One answer at once. Throws ProviderError. Never retried here: a POST that may have been sent is not sent twice. */
  complete(call: ChatCall): Promise<CompletedChat>;
  /** Resolves when the provider has accepted (its 200); throws ProviderError before that. Afterwards everything goes to the sink. */
  stream(call: ChatCall, sink: ChatSink): Promise<ChatStream>;
}

export interface ChatCall {
  /** The model's name at the provider. */
  readonly upstreamModel: string;
  /** The caller's parameters that this model takes, in OpenAI's form, without `model`, `stream` and `stream_options`. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** The caller has left: the connection is destroyed at once, also while the provider has not answered yet. */
  readonly signal?: AbortSignal | undefined;
}

/** A JSON object of OpenAI's chat completion or chunk, as parsed. */
export type ChatObject = { [name: string]: unknown };

export interface CompletedChat {
  readonly completion: ChatObject;
  readonly usage: ReportedUsage | undefined;
  readonly upstreamId: string | undefined;
}

/** The provider's figures in canonical classes, and what did not add up in them. */
export interface ReportedUsage {
  readonly usage: Usage;
  readonly anomalies: readonly string[];
}

/** Takes the frames of a stream as they arrive. Exactly one of `end` and `fail` comes last. */
export interface ChatSink {
  /** One chunk in OpenAI's form. The sink owns it. */
  chunk(chunk: ChatObject): void;
  /**
   * A chunk that only adds text to one choice, and is otherwise like the chunk before it.
   * @param content the text as a JSON string literal, with its quotes
   */
  text(index: number, content: string): void;
  /** The provider's usage figures; the last call counts. */
  usage(reported: ReportedUsage): void;
  /** The stream is over. `complete`: the provider said so (`[DONE]`), rather than just closing. */
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
