import { z } from 'zod';
import { providerPreferences } from './routing/provider-preferences.js';

const TOKENS_MAX = 10_000_000;
const CHOICES_MAX = 128;
const MESSAGES_MAX = 100_000;
const MODELS_MAX = 10;

const tokens = z.number().int().positive().max(TOKENS_MAX);
const part = z.looseObject({ type: z.string().min(1) });
const content = z.union([z.string(), z.array(part)], { error: 'must be a string or an array of content parts' });

const message = z
  .looseObject({
    role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
    content: content.nullish(),
  })
  .refine((value) => value.role === 'assistant' || value.content != null, { path: ['content'], message: 'is required' });

/**
 * The body of a chat completion. What decides about money or the form of the answer is checked here; everything else passes to
 * the provider by an allow-list, and the provider says what it thinks of it.
 */
export const chatRequest = z
  .looseObject({
    model: z.string().min(1).max(256).nullish(),
    /** Models to try in turn, after `model` where both are given. */
    models: z.array(z.string().min(1).max(256)).min(1).max(MODELS_MAX).nullish(),
    provider: providerPreferences.nullish(),
    messages: z.array(message).min(1).max(MESSAGES_MAX),
    stream: z.boolean().nullish(),
    stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
    max_tokens: tokens.nullish(),
    max_completion_tokens: tokens.nullish(),
    n: z.number().int().positive().max(CHOICES_MAX).nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    stop: z.union([z.string(), z.array(z.string()).max(16)]).nullish(),
    tools: z
      .array(z.looseObject({ type: z.string() }))
      .max(1_000)
      .nullish(),
  })
  .refine(({ model, models }) => model != null || models != null, { path: ['model'], message: 'is required' });

export type ChatRequest = z.output<typeof chatRequest>;
