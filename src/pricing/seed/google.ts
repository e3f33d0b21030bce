import type { PublishModel } from '../domain/publish-model.js';
import { DEFAULT_ANSWER, DEFAULT_ANSWER_THINKING, day, perMillion, type Shared } from './seed-model.js';

/**
 * List prices of the paid tier, ai.google.dev/gemini-api/docs/pricing, as of 2026-03, Gemini 3 as of 2026-07: input, audio input,
 * output with thinking, cached input. What cached audio costs is not in the seed: it is charged like audio, never below its cost.
 * An image costs 258 tokens per tile; a wide one at 8:1 makes 24. Gemini 3 is told how to think by a level, and 2.5 by a budget.
 * The name gemini-3-pro-preview leads to 3.1 at Google; both have cost the same.
 */
const shared: Shared & { readonly imageTokensMax: number } = {
  tokenizer: 'Gemini',
  inputModalities: ['text', 'image', 'audio'],
  outputModalities: ['text'],
  imageTokensMax: 6_192,
};

const chat = [
  ...[
    'max_tokens',
    'max_completion_tokens',
    'temperature',
    'top_p',
    'top_k',
    'stop',
    'seed',
    'presence_penalty',
    'frequency_penalty',
  ],
  ...['response_format', 'structured_outputs', 'tools', 'tool_choice'],
];
const thinking = [...chat, 'reasoning', 'include_reasoning'];

const upstream = (upstreamModel: string) => [{ provider: 'gemini', upstreamModel }];

/** Its thinking can be made short, and not turned off. */
const byLevel = {
  control: 'level' as const,
  mandatory: true,
  supportsMaxTokens: false,
  defaultEffort: 'high',
  defaultEnabled: true,
};
const gemini3 = {
  ...shared,
  contextLength: 1_048_576,
  maxCompletionTokens: 65_536,
  defaultCompletionTokens: DEFAULT_ANSWER_THINKING,
  supportedParameters: [...thinking, 'reasoning_effort'],
};

export const googleModels: readonly PublishModel[] = [
  {
    catalogue: {
      ...shared,
      id: 'google/gemini-2.0-flash',
      aliases: ['gemini-2.0-flash-001'],
      name: 'Google: Gemini 2.0 Flash',
      description: 'A fast model for text, images and sound with a long context.',
      created: day('2025-02-05'),
      contextLength: 1_048_576,
      maxCompletionTokens: 8_192,
      defaultCompletionTokens: DEFAULT_ANSWER,
      supportedParameters: chat,
      routes: upstream('gemini-2.0-flash'),
    },
    prices: perMillion({ prompt: '0.10', audio: '0.70', completion: '0.40', input_cache_read: '0.025' }),
  },
  {
    catalogue: {
      ...shared,
      id: 'google/gemini-2.5-flash',
      aliases: [],
      name: 'Google: Gemini 2.5 Flash',
      description: 'A fast reasoning model for text, images and sound with a long context.',
      created: day('2025-06-17'),
      contextLength: 1_048_576,
      maxCompletionTokens: 65_536,
      defaultCompletionTokens: DEFAULT_ANSWER_THINKING,
      supportedParameters: thinking,
      routes: upstream('gemini-2.5-flash'),
      reasoning: { control: 'budget', mandatory: false, supportsMaxTokens: true, defaultEnabled: true },
    },
    prices: perMillion({ prompt: '0.30', audio: '1.00', completion: '2.50', input_cache_read: '0.03' }),
  },
  {
    catalogue: {
      ...shared,
      id: 'google/gemini-2.5-pro',
      aliases: [],
      name: 'Google: Gemini 2.5 Pro',
      description: 'A reasoning model for hard problems, code and long documents.',
      created: day('2025-06-17'),
      contextLength: 1_048_576,
      maxCompletionTokens: 65_536,
      defaultCompletionTokens: DEFAULT_ANSWER_THINKING,
      supportedParameters: thinking,
      routes: upstream('gemini-2.5-pro'),
      reasoning: { control: 'budget', mandatory: true, supportsMaxTokens: true, defaultEnabled: true },
    },
    prices: {
      ...perMillion({ prompt: '1.25', completion: '10.00', input_cache_read: '0.125' }),
      overrides: [
        { min_prompt_tokens: 200_000, ...perMillion({ prompt: '2.50', completion: '15.00', input_cache_read: '0.25' }) },
      ],
    },
  },
  {
    catalogue: {
      ...gemini3,
      id: 'google/gemini-3.1-pro-preview',
      aliases: ['gemini-3-pro-preview', 'gemini-3-pro'],
      name: 'Google: Gemini 3.1 Pro Preview',
      description: 'A reasoning model for hard problems, code and agents.',
      created: day('2026-02-19'),
      routes: upstream('gemini-3.1-pro-preview'),
      reasoning: { ...byLevel, supportedEfforts: ['high', 'medium', 'low'] },
    },
    prices: {
      ...perMillion({ prompt: '2.00', completion: '12.00', input_cache_read: '0.20' }),
      overrides: [
        { min_prompt_tokens: 200_000, ...perMillion({ prompt: '4.00', completion: '18.00', input_cache_read: '0.40' }) },
      ],
    },
  },
  {
    catalogue: {
      ...gemini3,
      id: 'google/gemini-3-flash-preview',
      aliases: ['gemini-3-flash'],
      name: 'Google: Gemini 3 Flash Preview',
      description: 'A fast reasoning model for agents, long conversations and code.',
      created: day('2025-12-17'),
      routes: upstream('gemini-3-flash-preview'),
      reasoning: { ...byLevel, supportedEfforts: ['high', 'medium', 'low', 'minimal'] },
    },
    prices: perMillion({ prompt: '0.50', audio: '1.00', completion: '3.00', input_cache_read: '0.05' }),
  },
];
