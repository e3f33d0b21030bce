import type { PublishModel } from '../domain/publish-model.js';
import { day, perMillion, type Shared } from './seed-model.js';

/**
 * List prices of docs.anthropic.com/en/docs/about-claude/pricing, seen as of 2026: base input, cache writes for 5 minutes and for
 * an hour, cache hits, output. The context of a million tokens with its dearer tier needs a header that is not sent here.
 * An image costs about width × height / 750 tokens and is scaled down to at most some 1,600.
 */
const shared: Shared & { readonly imageTokensMax: number } = {
  tokenizer: 'Claude',
  inputModalities: ['text', 'image'],
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
];
const thinking = {
  supportedParameters: [...chat, 'reasoning', 'include_reasoning'],
  reasoning: { mandatory: false, supportsMaxTokens: true, defaultEnabled: false },
};

const sonnetPrices = perMillion({
  prompt: '3.00',
  completion: '15.00',
  input_cache_read: '0.30',
  input_cache_write: '3.75',
  input_cache_write_1h: '6.00',
});

const upstream = (upstreamModel: string) => [{ provider: 'anthropic' as const, upstreamModel }];

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
];
