import type { PublishModel } from '../domain/publish-model.js';
import { DEFAULT_ANSWER, DEFAULT_ANSWER_THINKING_IF_ASKED, day, perMillion, type Shared } from './seed-model.js';

/**
 * The models that are told how much to think by a budget. List prices of docs.anthropic.com/en/docs/about-claude/pricing, seen as of 2026-11: base input, cache writes for 5 minutes and for
 * an hour, cache hits, output. The context of a million tokens with its dearer tier needs a header that is not sent here.
 * An image costs about width × height / 750 tokens and is scaled down to at most some 1,600.
 */
const shared: Shared & { readonly imageTokensMax: number } = {
  tokenizer: 'Claude',
  inputModalities: ['text', 'image', 'file'],
  outputModalities: ['text'],
  imageTokensMax: 1_640,
};

const chat = [
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'top_k',
  'stop',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'response_format',
];
const thinking = {
  supportedParameters: [...chat, 'reasoning', 'include_reasoning'],
  defaultCompletionTokens: DEFAULT_ANSWER_THINKING_IF_ASKED,
  reasoning: { control: 'budget' as const, mandatory: false, supportsMaxTokens: true, defaultEnabled: false },
};

const sonnetPrices = perMillion({
  prompt: '3.00',
  completion: '15.00',
  input_cache_read: '0.30',
  input_cache_write: '3.75',
  input_cache_write_1h: '6.00',
});

const upstream = (upstreamModel: string) => [{ provider: 'anthropic', upstreamModel }];

export const anthropicModels: readonly PublishModel[] = [
  {
    catalogue: {
      ...shared,
      id: 'anthropic/claude-3-5-sonnet-20240620',
      aliases: ['claude-3-5-sonnet', 'claude-3.5-sonnet', 'claude-3.5-sonnet-20240620'],
      name: 'Anthropic: Claude 3.5 Sonnet (2024-06-20)',
      description: 'A model for code, data and visual tasks.',
      created: day('2024-06-20'),
      contextLength: 200_000,
      maxCompletionTokens: 8_192,
      defaultCompletionTokens: DEFAULT_ANSWER,
      supportedParameters: chat,
      routes: upstream('claude-3-5-sonnet-20240620'),
    },
    prices: sonnetPrices,
  },
  {
    catalogue: {
      ...shared,
      ...thinking,
      id: 'anthropic/claude-3-7-sonnet-20250219',
      aliases: ['claude-3-7-sonnet', 'claude-3.7-sonnet', 'claude-3-7-sonnet-latest'],
      name: 'Anthropic: Claude 3.7 Sonnet',
      description: 'A model that answers at once or thinks first, within a budget.',
      created: day('2025-02-24'),
      contextLength: 200_000,
      maxCompletionTokens: 64_000,
      routes: upstream('claude-3-7-sonnet-20250219'),
    },
    prices: sonnetPrices,
  },
  {
    catalogue: {
      ...shared,
      ...thinking,
      id: 'anthropic/claude-sonnet-4',
      aliases: ['claude-sonnet-4-20250514', 'claude-sonnet-4-0'],
      name: 'Anthropic: Claude Sonnet 4',
      description: 'A model for code and reasoning that thinks within a budget.',
      created: day('2025-05-22'),
      contextLength: 200_000,
      maxCompletionTokens: 64_000,
      routes: upstream('claude-sonnet-4-20250514'),
    },
    prices: sonnetPrices,
  },
  {
    catalogue: {
      ...shared,
      id: 'anthropic/claude-3-opus',
      aliases: ['claude-3-opus-20240229', 'claude-3-opus-latest'],
      name: 'Anthropic: Claude 3 Opus',
      description: 'The large model of the Claude 3 family, for complex tasks.',
      created: day('2024-03-05'),
      contextLength: 200_000,
      maxCompletionTokens: 4_096,
      defaultCompletionTokens: 4_096,
      supportedParameters: chat,
      routes: upstream('claude-3-opus-20240229'),
    },
    prices: perMillion({
      prompt: '15.00',
      completion: '75.00',
      input_cache_read: '1.50',
      input_cache_write: '18.75',
      input_cache_write_1h: '30.00',
    }),
  },
  {
    catalogue: {
      ...shared,
      ...thinking,
      id: 'anthropic/claude-sonnet-4.5',
      aliases: ['claude-sonnet-4-5', 'claude-sonnet-4-5-20250929'],
      name: 'Anthropic: Claude Sonnet 4.5',
      description: 'A model for code and agents that thinks within a budget.',
      created: day('2025-09-29'),
      contextLength: 200_000,
      maxCompletionTokens: 64_000,
      routes: upstream('claude-sonnet-4-5-20250929'),
    },
    prices: sonnetPrices,
  },
  {
    catalogue: {
      ...shared,
      ...thinking,
      id: 'anthropic/claude-haiku-4.5',
      aliases: ['claude-haiku-4-5', 'claude-haiku-4-5-20251001'],
      name: 'Anthropic: Claude Haiku 4.5',
      description: 'A fast and affordable model that thinks within a budget.',
      created: day('2025-10-15'),
      contextLength: 200_000,
      maxCompletionTokens: 64_000,
      routes: upstream('claude-haiku-4-5-20251001'),
    },
    prices: perMillion({
      prompt: '1.00',
      completion: '5.00',
      input_cache_read: '0.10',
      input_cache_write: '1.25',
      input_cache_write_1h: '2.00',
    }),
  },
  {
    catalogue: {
      ...shared,
      ...thinking,
      id: 'anthropic/claude-opus-4.5',
      aliases: ['claude-opus-4-5', 'claude-opus-4-5-20251101'],
      name: 'Anthropic: Claude Opus 4.5',
      description: 'A large model for code, agents and office work that thinks within a budget.',
      created: day('2025-11-24'),
      contextLength: 200_000,
      maxCompletionTokens: 64_000,
      routes: upstream('claude-opus-4-5-20251101'),
    },
    prices: perMillion({
      prompt: '5.00',
      completion: '25.00',
      input_cache_read: '0.50',
      input_cache_write: '6.25',
      input_cache_write_1h: '10.00',
    }),
  },
];
