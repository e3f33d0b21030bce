import type { PublishModel } from '../domain/publish-model.js';
import { day, perMillion, type Shared } from './seed-model.js';

/**
 * List prices of the paid tier, ai.google.dev/gemini-api/docs/pricing, as of 2026-03: input, audio input, output with thinking,
 * cached input. Cached audio is dearer than cached text, and there is no class for it: a provider counts it as `input_audio`.
 * An image costs 258 tokens per tile; a wide one at 8:1 makes 24.
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

const upstream = (upstreamModel: string) => [{ provider: 'gemini' as const, upstreamModel }];

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
      supportedParameters: thinking,
      routes: upstream('gemini-2.5-flash'),
      reasoning: { mandatory: false, supportsMaxTokens: true, defaultEnabled: true },
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
      supportedParameters: thinking,
      routes: upstream('gemini-2.5-pro'),
      reasoning: { mandatory: true, supportsMaxTokens: true, defaultEnabled: true },
    },
    prices: {
      ...perMillion({ prompt: '1.25', completion: '10.00', input_cache_read: '0.125' }),
      overrides: [
        { min_prompt_tokens: 200_000, ...perMillion({ prompt: '2.50', completion: '15.00', input_cache_read: '0.25' }) },
      ],
    },
  },
];
