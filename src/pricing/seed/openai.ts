import type { PublishModel } from '../domain/publish-model.js';
import { DEFAULT_ANSWER, DEFAULT_ANSWER_THINKING, day, perMillion, type Shared } from './seed-model.js';

/**
 * The models before GPT-5. List prices of OpenAI's standard tier, platform.openai.com/docs/pricing, as of 2026-06: input, cached input, output. Cache
 * writes cost nothing extra for these models. Tokens of an image: platform.openai.com/docs/guides/images-vision, the largest
 * image at high detail: 8 tiles for the tile models, 1,536 patches times the model's factor for the others.
 */
const shared: Shared = { tokenizer: 'GPT', inputModalities: ['text', 'image'], outputModalities: ['text'] };

const tools = ['tools', 'tool_choice', 'parallel_tool_calls', 'response_format', 'structured_outputs', 'seed'];
const limits = ['max_tokens', 'max_completion_tokens'];
const sampling = [
  'temperature',
  'top_p',
  'stop',
  'frequency_penalty',
  'presence_penalty',
  'logit_bias',
  'logprobs',
  'top_logprobs',
];
const chat = [...limits, ...sampling, ...tools, 'prediction'];
const reasoningChat = [...limits, ...tools, 'reasoning', 'reasoning_effort', 'include_reasoning'];

const upstream = (upstreamModel: string) => [{ provider: 'openai' as const, upstreamModel }];

export const openaiModels: readonly PublishModel[] = [
  {
    catalogue: {
      ...shared,
      id: 'openai/gpt-4o',
      aliases: ['gpt-4o-2024-08-06', 'gpt-4o-2024-11-20'],
      name: 'OpenAI: GPT-4o',
      description: 'A general model for text and images.',
      created: day('2024-05-13'),
      contextLength: 128_000,
      maxCompletionTokens: 16_384,
      defaultCompletionTokens: DEFAULT_ANSWER,
      supportedParameters: chat,
      routes: upstream('gpt-4o'),
      imageTokensMax: 1_445,
    },
    prices: perMillion({ prompt: '2.50', completion: '10.00', input_cache_read: '1.25' }),
  },
  {
    catalogue: {
      ...shared,
      id: 'openai/gpt-4o-mini',
      aliases: ['gpt-4o-mini-2024-07-18'],
      name: 'OpenAI: GPT-4o-mini',
      description: 'A small and affordable model for text and images.',
      created: day('2024-07-18'),
      contextLength: 128_000,
      maxCompletionTokens: 16_384,
      defaultCompletionTokens: DEFAULT_ANSWER,
      supportedParameters: chat,
      routes: upstream('gpt-4o-mini'),
      imageTokensMax: 48_169,
    },
    prices: perMillion({ prompt: '0.15', completion: '0.60', input_cache_read: '0.075' }),
  },
  {
    catalogue: {
      ...shared,
      id: 'openai/gpt-4.1',
      aliases: ['gpt-4.1-2025-04-14'],
      name: 'OpenAI: GPT-4.1',
      description: 'A model for instructions, code and long contexts.',
      created: day('2025-04-14'),
      contextLength: 1_047_576,
      maxCompletionTokens: 32_768,
      defaultCompletionTokens: DEFAULT_ANSWER,
      supportedParameters: chat,
      routes: upstream('gpt-4.1'),
      imageTokensMax: 1_445,
    },
    prices: perMillion({ prompt: '2.00', completion: '8.00', input_cache_read: '0.50' }),
  },
  {
    catalogue: {
      ...shared,
      id: 'openai/gpt-4.1-mini',
      aliases: ['gpt-4.1-mini-2025-04-14'],
      name: 'OpenAI: GPT-4.1 Mini',
      description: 'A mid-sized model for instructions, code and long contexts at low latency.',
      created: day('2025-04-14'),
      contextLength: 1_047_576,
      maxCompletionTokens: 32_768,
      defaultCompletionTokens: DEFAULT_ANSWER,
      supportedParameters: chat,
      routes: upstream('gpt-4.1-mini'),
      imageTokensMax: 2_489,
    },
    prices: perMillion({ prompt: '0.40', completion: '1.60', input_cache_read: '0.10' }),
  },
  {
    catalogue: {
      ...shared,
      id: 'openai/o4-mini',
      aliases: ['o4-mini-2025-04-16'],
      name: 'OpenAI: o4 Mini',
      description: 'A compact reasoning model for mathematics, code and images.',
      created: day('2025-04-16'),
      contextLength: 200_000,
      maxCompletionTokens: 100_000,
      defaultCompletionTokens: DEFAULT_ANSWER_THINKING,
      supportedParameters: reasoningChat,
      routes: upstream('o4-mini'),
      reasoning: {
        control: 'effort',
        mandatory: true,
        supportsMaxTokens: false,
        supportedEfforts: ['high', 'medium', 'low'],
        defaultEffort: 'medium',
      },
      imageTokensMax: 2_642,
    },
    prices: perMillion({ prompt: '1.10', completion: '4.40', input_cache_read: '0.275' }),
  },
];
