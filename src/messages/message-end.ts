import type { ChatRequest, UsageBlock } from '../completions/index.js';
import type { ChatObject } from '../providers/index.js';

/** How an answer ended, in the canonical words. */
export interface Stop {
  readonly finish_reason?: unknown;
  readonly native_finish_reason?: unknown;
  /** Whether the answer says that it is a refusal. */
  readonly isRefused?: boolean;
}

/** Canonical reasons in Anthropic's words (its API reference, stop reasons). */
const REASONS: Readonly<Record<string, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
};
/** Words of Anthropic's own that say more than the canonical ones. */
const NATIVE = ['stop_sequence', 'pause_turn', 'model_context_window_exceeded'];

/** `stop_reason` and `stop_sequence`. Which sequence it was is known where only one was asked for. */
export function stopOf({ finish_reason, native_finish_reason, isRefused }: Stop, { stop }: ChatRequest): ChatObject {
  const canonical = REASONS[String(finish_reason ?? 'stop')] ?? null;
  const reason =
    isRefused === true ? 'refusal' : NATIVE.includes(String(native_finish_reason)) ? String(native_finish_reason) : canonical;
  const sequences = Array.isArray(stop) ? stop : [stop];
  const only = sequences.length === 1 ? sequences[0] : undefined;
  return { stop_reason: reason, stop_sequence: reason === 'stop_sequence' ? (only ?? null) : null };
}

/** Whether the answer ended because something broke. */
export const isBroken = ({ finish_reason }: Stop): boolean => finish_reason === 'error';

/** Anthropic's classes do not overlap: its input leaves out what the cache read and wrote. */
export function usageOf({ prompt_tokens, completion_tokens, cost, ...details }: UsageBlock): ChatObject {
  const { cached_tokens, cache_write_tokens } = details.prompt_tokens_details;
  return {
    input_tokens: Math.max(0, prompt_tokens - cached_tokens - cache_write_tokens),
    cache_creation_input_tokens: cache_write_tokens,
    cache_read_input_tokens: cached_tokens,
    output_tokens: completion_tokens,
    output_tokens_details: { thinking_tokens: details.completion_tokens_details.reasoning_tokens },
    cost,
  };
}
