import type { PricedModel } from '../../pricing/index.js';
import type { ChatRequest } from '../chat-request.js';

/** Where neither the caller nor the catalogue names a limit: room for a long answer, and for thinking where a model thinks. */
const DEFAULT_TOKENS = 8_192;
const DEFAULT_TOKENS_REASONING = 32_768;

export interface OutputLimit {
  /** On one choice. */
  readonly tokens: number;
  /** Whether the caller named it. */
  readonly asked: boolean;
}

/** The limit on the output of one choice: the smaller of those that the caller names, else the model's own default. */
export function outputLimit({ max_tokens, max_completion_tokens }: ChatRequest, model: PricedModel): OutputLimit {
  const named = [max_tokens, max_completion_tokens].filter((limit) => limit != null);
  if (named.length > 0) return { tokens: Math.min(...named, model.maxCompletionTokens), asked: true };
  const byDefault = model.defaultCompletionTokens ?? (model.reasoning ? DEFAULT_TOKENS_REASONING : DEFAULT_TOKENS);
  return { tokens: Math.min(byDefault, model.maxCompletionTokens), asked: false };
}
