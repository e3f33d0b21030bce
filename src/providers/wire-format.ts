import type { ChatCall, ChatObject, ChatSink, CompletedChat, Embedded, EmbeddingCall } from './provider.js';

/**
 * How a kind of provider speaks over HTTP: everything that differs between them. `HttpProvider` brings connections, time limits,
 * back-pressure, bounds and failures; a format only translates, without waiting for anything.
 */
export interface WireFormat {
  /** Request parameters that it has a word for, by OpenRouter's names. */
  readonly takes: ReadonlySet<string>;
  /** See Provider. */
  readonly stopsBillingOnAbort: boolean;
  readonly needsOutputLimit: boolean;
  /** Headers of every call, names and values in turn. The key is here and nowhere else. */
  headers(apiKey: string): readonly string[];
  /** Behind the base URL, with its query. */
  path(call: { readonly upstreamModel: string }, streamed: boolean): string;
  /**
   * The body of a request. Throws `CannotSay` where the request holds something without which it would mean another thing, such
   * as audio for a model that cannot hear.
   */
  body(call: ChatCall, streamed: boolean): object;
  /** An answer at once in the canonical form; undefined where it is none. */
  completion(answer: ChatObject, call: ChatCall): CompletedChat | undefined;
  /** A reader of the events of one stream. */
  reader(outlet: StreamOutlet, call: ChatCall): EventReader;
  /** Absent where it has no embeddings. */
  readonly embeddings?: {
    path(call: EmbeddingCall): string;
    body(call: EmbeddingCall): object;
    answer(answer: ChatObject, call: EmbeddingCall): Embedded | undefined;
  };
}

/** What a format has no way to say: the request is refused before anything is sent. */
export class CannotSay extends Error {
  constructor(
    /** For the client: what cannot be sent. */
    message: string,
    /** The field of the request, as a path: `messages[0].content[1]`. */
    readonly param?: string,
  ) {
    super(message);
  }
}

export interface EventReader {
  /** @param data the event's data, a view that is good only during this call @param name the `event` field, '' without one */
  event(data: Buffer, name: string): void;
  /** The body has ended without `finish` or `fail`: says whether the stream was complete all the same. */
  bodyEnded(): boolean;
}

/** Where a reader puts what it has read: the sink, and how the stream ends. */
export interface StreamOutlet extends Pick<ChatSink, 'chunk' | 'text' | 'usage'> {
  /** False once the stream is over: what comes then is nobody's. */
  readonly isOpen: boolean;
  /** The provider has said that the stream is over. */
  finish(): void;
  /** An error event. */
  failed(answer: ChatObject): void;
  /** Something that is no event of this format; `what` with the provider as its subject: `sent an event that is no chunk`. */
  brokenBy(what: string): void;
}
