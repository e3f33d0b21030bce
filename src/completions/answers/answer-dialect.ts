import type { ApiError } from '../../http/api-error.js';
import type { ChatObject } from '../../providers/index.js';
import type { Generation } from '../generation.js';

/** How an endpoint tells a completion to its client: as chat completion, or as the messages and responses of other APIs. */
export interface AnswerDialect {
  /** The body of an answer at once. @param usage OpenRouter's usage block, with what was charged @param completion owned by the dialect */
  body(generation: Generation, completion: ChatObject, usage: UsageBlock): object;
  /** The frames of one stream. */
  frames(generation: Generation): StreamFrames;
  /** What keeps a silent connection alive. */
  readonly keepAlive: string;
}

/** Writes the frames of one stream: whole server-sent events, each ended by its blank line. A call may make none (''). */
export interface StreamFrames {
  /** A chunk in the canonical form. Takes ownership of it. */
  chunk(chunk: ChatObject): string;
  /** A chunk that only adds text to one choice, and is otherwise like the one before it. @param content a JSON string literal, with its quotes */
  text(index: number, content: string): string;
  /** All that comes after the last chunk, the usage and the end; the answer is charged by then. */
  end(usage: UsageBlock): string;
  /** An error after the status was sent: the last frame of its stream. @param usage what was charged all the same, where it is told */
  error(problem: ApiError, usage?: UsageBlock): string;
}

/** OpenRouter's usage object of an answer. */
export interface UsageBlock {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  /** What was charged, in credits. */
  readonly cost: number;
  readonly is_byok: false;
  readonly prompt_tokens_details: {
    readonly cached_tokens: number;
    readonly cache_write_tokens: number;
    readonly audio_tokens: number;
    readonly video_tokens: number;
  };
  readonly cost_details: {
    readonly upstream_inference_cost: null;
    readonly upstream_inference_prompt_cost: number;
    readonly upstream_inference_completions_cost: number;
  };
  readonly completion_tokens_details: {
    readonly reasoning_tokens: number;
    readonly image_tokens: number;
    readonly audio_tokens: number;
  };
}
