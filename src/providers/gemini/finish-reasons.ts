/** How an answer ended, in the canonical words. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'error';

/** Gemini's own words (`FinishReason` of @google/genai). Images have theirs with a prefix. */
const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  CONTINUATION: 'length',
  SAFETY: 'content_filter',
  RECITATION: 'content_filter',
  BLOCKLIST: 'content_filter',
  PROHIBITED_CONTENT: 'content_filter',
  SPII: 'content_filter',
};

/**
 * What is no end of its own is an error: `MALFORMED_FUNCTION_CALL`, `UNEXPECTED_TOOL_CALL`, `TOO_MANY_TOOL_CALLS`, `OTHER`, and
 * what nobody knows yet. Gemini has no word for an answer that wants its functions called: it stops.
 */
export function finishReasonOf(native: string, hasToolCalls: boolean): FinishReason {
  const known = Object.hasOwn(FINISH_REASONS, native) ? FINISH_REASONS[native] : undefined;
  if (known === 'stop' && hasToolCalls) return 'tool_calls';
  return known ?? (native.startsWith('IMAGE_') ? 'content_filter' : 'error');
}
