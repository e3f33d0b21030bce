import type { ModelCatalogue } from '../domain/pricing.events.js';
import { IMAGE_TOKENS_MAX_KNOWN, type PublishModel } from '../domain/publish-model.js';
import { DEFAULT_ANSWER_THINKING, DEFAULT_ANSWER_THINKING_IF_ASKED, day, perMillion, type Shared } from './seed-model.js';

/**
 * GPT-5 and its successors. List prices and limits of OpenAI's standard tier, developers.openai.com/api/docs/models, as of 2026-11.
 * GPT-5.6 charges what it writes into the cache at 1.25 times the input, and a prompt of more than 272,000 tokens at twice the input
 * and 1.5 times the output. GPT-5.6 Sol has had a promotional price of 4 and 20, promised until 2026-11-21: its list price stands here.
 * Tokens of an image: see openai.ts; where the model's page names no factor, the most of any model known.
 */
const shared: Shared & Pick<ModelCatalogue, 'supportedParameters' | 'maxCompletionTokens'> = {
  tokenizer: 'GPT',
  inputModalities: ['text', 'image'],
  outputModalities: ['text'],
  maxCompletionTokens: 128_000,
  supportedParameters: [
    ...['max_tokens', 'max_completion_tokens', 'tools', 'tool_choice', 'parallel_tool_calls', 'response_format'],
    ...['structured_outputs', 'seed', 'reasoning', 'reasoning_effort', 'include_reasoning', 'verbosity'],
  ],
};

/** It always thinks. */
const gpt5 = {
  ...shared,
  contextLength: 400_000,
  defaultCompletionTokens: DEFAULT_ANSWER_THINKING,
  reasoning: {
    control: 'effort' as const,
    mandatory: true,
    supportsMaxTokens: false,
    supportedEfforts: ['high', 'medium', 'low', 'minimal'],
    defaultEffort: 'medium',
  },
};

/** It thinks where it is asked to: its effort is `none` by default. */
const thinksIfAsked = (supportedEfforts: readonly string[]) => ({
  ...shared,
  contextLength: 400_000,
  defaultCompletionTokens: DEFAULT_ANSWER_THINKING_IF_ASKED,
  imageTokensMax: IMAGE_TOKENS_MAX_KNOWN,
  reasoning: {
    control: 'effort' as const,
    mandatory: false,
    supportsMaxTokens: false,
    supportedEfforts,
    defaultEffort: 'none',
    defaultEnabled: false,
  },
});

const gpt56 = {
  ...shared,
  contextLength: 1_050_000,
  defaultCompletionTokens: DEFAULT_ANSWER_THINKING,
  imageTokensMax: IMAGE_TOKENS_MAX_KNOWN,
  created: day('2026-07-09'),
  reasoning: {
    control: 'effort' as const,
    mandatory: false,
    supportsMaxTokens: false,
    supportedEfforts: ['max', 'xhigh', 'high', 'medium', 'low', 'none'],
    defaultEffort: 'medium',
    defaultEnabled: true,
  },
};

const upstream = (upstreamModel: string) => [{ provider: 'openai', upstreamModel }];

export const gpt5Models: readonly PublishModel[] = [
  {
    catalogue: {
      ...gpt5,
      id: 'openai/gpt-5-nano',
      aliases: ['gpt-5-nano-2025-08-07'],
      name: 'OpenAI: GPT-5 Nano',
      description: 'The smallest and fastest model of the GPT-5 family, for short tasks and low latency.',
      created: day('2025-08-07'),
      routes: upstream('gpt-5-nano'),
      imageTokensMax: 3_779,
    },
    prices: perMillion({ prompt: '0.05', completion: '0.40', input_cache_read: '0.005' }),
  },
  {
    catalogue: {
      ...gpt5,
      id: 'openai/gpt-5-mini',
      aliases: ['gpt-5-mini-2025-08-07'],
      name: 'OpenAI: GPT-5 Mini',
      description: 'A smaller model of the GPT-5 family, for well-defined tasks.',
      created: day('2025-08-07'),
      routes: upstream('gpt-5-mini'),
      imageTokensMax: 2_489,
    },
    prices: perMillion({ prompt: '0.25', completion: '2.00', input_cache_read: '0.025' }),
  },
  {
    catalogue: {
      ...gpt5,
      id: 'openai/gpt-5',
      aliases: ['gpt-5-2025-08-07'],
      name: 'OpenAI: GPT-5',
      description: 'A reasoning model for code, analysis and tasks of many steps.',
      created: day('2025-08-07'),
      routes: upstream('gpt-5'),
      imageTokensMax: 1_445,
    },
    prices: perMillion({ prompt: '1.25', completion: '10.00', input_cache_read: '0.125' }),
  },
  {
    catalogue: {
      ...thinksIfAsked(['high', 'medium', 'low', 'none']),
      id: 'openai/gpt-5.1',
      aliases: ['gpt-5.1-2025-11-13'],
      name: 'OpenAI: GPT-5.1',
      description: 'A model for code and agents that thinks as much as it is asked to.',
      created: day('2025-11-13'),
      routes: upstream('gpt-5.1'),
    },
    prices: perMillion({ prompt: '1.25', completion: '10.00', input_cache_read: '0.125' }),
  },
  {
    catalogue: {
      ...thinksIfAsked(['xhigh', 'high', 'medium', 'low', 'none']),
      id: 'openai/gpt-5.2',
      aliases: ['gpt-5.2-2025-12-11'],
      name: 'OpenAI: GPT-5.2',
      description: 'A model for professional work and long contexts that thinks as much as it is asked to.',
      created: day('2025-12-11'),
      routes: upstream('gpt-5.2'),
    },
    prices: perMillion({ prompt: '1.75', completion: '14.00', input_cache_read: '0.175' }),
  },
  {
    catalogue: {
      ...gpt56,
      id: 'openai/gpt-5.6-sol',
      aliases: ['gpt-5.6'],
      name: 'OpenAI: GPT-5.6 Sol',
      description: 'The flagship of the GPT-5.6 family, for complex professional work.',
      routes: upstream('gpt-5.6-sol'),
    },
    prices: {
      ...perMillion({ prompt: '5.00', completion: '30.00', input_cache_read: '0.50', input_cache_write: '6.25' }),
      overrides: [long({ prompt: '10.00', completion: '45.00', input_cache_read: '1.00', input_cache_write: '12.50' })],
    },
  },
  {
    catalogue: {
      ...gpt56,
      id: 'openai/gpt-5.6-terra',
      aliases: [],
      name: 'OpenAI: GPT-5.6 Terra',
      description: 'The balanced model of the GPT-5.6 family, for everyday work.',
      routes: upstream('gpt-5.6-terra'),
    },
    prices: {
      ...perMillion({ prompt: '2.00', completion: '12.00', input_cache_read: '0.20', input_cache_write: '2.50' }),
      overrides: [long({ prompt: '4.00', completion: '18.00', input_cache_read: '0.40', input_cache_write: '5.00' })],
    },
  },
  {
    catalogue: {
      ...gpt56,
      id: 'openai/gpt-5.6-luna',
      aliases: [],
      name: 'OpenAI: GPT-5.6 Luna',
      description: 'The fastest and cheapest model of the GPT-5.6 family.',
      routes: upstream('gpt-5.6-luna'),
    },
    prices: {
      ...perMillion({ prompt: '0.20', completion: '1.20', input_cache_read: '0.02', input_cache_write: '0.25' }),
      overrides: [long({ prompt: '0.40', completion: '1.80', input_cache_read: '0.04', input_cache_write: '0.50' })],
    },
  },
];

function long(prices: Parameters<typeof perMillion>[0]) {
  return { min_prompt_tokens: 272_000, ...perMillion(prices) };
}
