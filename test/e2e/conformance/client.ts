/** What a conformance test asks of each client: the same in every client's own idiom, unmodified, against the gateway. */
import type { Json } from '../http.js';

export interface Question {
  readonly model: string;
  readonly prompt: string;
  readonly stream?: boolean;
  /** The tool of the weather is given, and its result sent back until the model answers. */
  readonly tools?: boolean;
  /** The answer is to be by the schema. */
  readonly structured?: boolean;
  /** The model is to reason, and gets its reasoning back with the result of the tool. */
  readonly reasoning?: boolean;
}

/** What the client says that it was told. */
export interface Told {
  readonly text: string;
  readonly reasoning?: string;
  /** Inputs of the tool, as the client parsed them. */
  readonly toolInputs?: readonly Json[];
  /** The structured answer, as the client parsed it. */
  readonly object?: unknown;
  /** The figures of each answer. */
  readonly usage: readonly Figures[];
}

export interface Figures {
  readonly input: number;
  readonly output: number;
  readonly reasoning: number;
  /** In credits; undefined where the client keeps no more of a usage object than what it knows. */
  readonly cost: number | undefined;
}

/** Where a client finds the gateway. */
export interface Access {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly apiKey: string;
}

export interface Client {
  readonly name: string;
  /** Rejects with the client's own error. */
  converse(access: Access, question: Question): Promise<Told>;
  /** Reads a stream until it has said this much, and cancels it as the client's documentation says. */
  leave(access: Access, question: Question, after: string): Promise<void>;
  /** The status that the client's own error tells; undefined where it is none of the client's own for that status. */
  statusOf(error: Json): number | undefined;
  /** A case that the client has no way to do, in a few words. */
  readonly cannot?: Readonly<Partial<Record<string, string>>>;
}
