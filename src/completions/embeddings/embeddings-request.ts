import { z } from 'zod';
import { invalid } from '../../http/validation.js';
import type { ChatRequest } from '../chat-request.js';
import { providerPreferences } from '../routing/provider-preferences.js';

const INPUTS_MAX = 2_048;
const TOKENS_MAX = 300_000;
const text = z.string().min(1);
const tokens = z.array(z.int().nonnegative()).min(1).max(TOKENS_MAX);

/** The body of `POST /v1/embeddings`. */
export const embeddingsRequest = z.looseObject({
  model: z.string().min(1).max(256),
  input: z.union([text, tokens, z.array(text).min(1).max(INPUTS_MAX), z.array(tokens).min(1).max(INPUTS_MAX)], {
    error: 'must be a text, a list of texts, or texts as lists of token numbers',
  }),
  dimensions: z.int().positive().max(100_000).nullish(),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  provider: providerPreferences.nullish(),
});
export type EmbeddingsRequest = z.output<typeof embeddingsRequest>;

/** The inputs one by one. */
export function inputsOf({ input }: EmbeddingsRequest): readonly (string | readonly number[])[] {
  if (typeof input === 'string') return [input];
  const inputs = input as (string | number | readonly number[])[];
  if (inputs.every((each) => typeof each === 'number')) return [inputs as number[]];
  const bytes = inputs.reduce((sum: number, each) => sum + (typeof each === 'number' ? 1 : each.length), 0);
  if (bytes > 50_000_000) throw invalid('input', 'is too long in all');
  return inputs as (string | readonly number[])[];
}

/**
 * The request as far as reserving and routing go, which is a completion's without an answer. A text of token numbers stands for as
 * many bytes: a token is bounded by a byte.
 */
export function paidAs(request: EmbeddingsRequest): ChatRequest {
  const messages = inputsOf(request).map((input) => ({
    role: 'user' as const,
    content: typeof input === 'string' ? input : ' '.repeat(input.length),
  }));
  return { model: request.model, messages, max_tokens: 1, ...(request.provider && { provider: request.provider }) };
}
