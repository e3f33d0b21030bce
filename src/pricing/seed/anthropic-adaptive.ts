import type { ModelCatalogue } from '../domain/pricing.events.js';
import type { PublishModel } from '../domain/publish-model.js';
import { DEFAULT_ANSWER_THINKING, DEFAULT_ANSWER_THINKING_IF_ASKED, day, perMillion, type Shared } from './seed-model.js';

/**
 * The models that judge for themselves how much to think, within an effort. List prices and limits of platform.claude.com/docs, as of
 * 2026-11; the whole context of a million tokens costs the same. From 4.7 on a budget is refused and sampling parameters are gone; from
 * 5 on it thinks unless it is told not to. An image costs about width × height / 750 tokens, of at most 2,576 pixels a side from 4.7 on.
 */
const shared: Shared & Pick<ModelCatalogue, 'contextLength' | 'maxCompletionTokens'> = {
  tokenizer: 'Claude',
  inputModalities: ['text', 'image', 'file'],
  outputModalities: ['text'],
  contextLength: 1_000_000,
  maxCompletionTokens: 128_000,
};

const answers = ['response_format', 'structured_outputs'];
const chat = ['max_tokens', 'max_completion_tokens', 'stop', 'tools', 'tool_choice', 'parallel_tool_calls', ...answers];
const thinking = ['reasoning', 'reasoning_effort', 'include_reasoning'];

const claude46 = {
  ...shared,
  supportedParameters: [...chat, 'temperature', 'top_p', 'top_k', ...thinking],
  defaultCompletionTokens: DEFAULT_ANSWER_THINKING_IF_ASKED,
  imageTokensMax: 1_640,
  reasoning: {
    control: 'adaptive' as const,
    mandatory: false,
    supportsMaxTokens: true,
    supportedEfforts: ['max', 'high', 'medium', 'low'],
    defaultEffort: 'high',
    defaultEnabled: false,
  },
};

const claude47 = {
  ...shared,
  supportedParameters: [...chat, ...thinking],
  defaultCompletionTokens: DEFAULT_ANSWER_THINKING_IF_ASKED,
  imageTokensMax: 8_848,
  reasoning: {
    ...claude46.reasoning,
    supportsMaxTokens: false,
    supportedEfforts: ['max', 'xhigh', 'high', 'medium', 'low'],
  },
};

const claude5 = {
  ...claude47,
  defaultCompletionTokens: DEFAULT_ANSWER_THINKING,
  reasoning: { ...claude47.reasoning, defaultEnabled: true },
};

const opusPrices = perMillion({
  prompt: '5.00',
  completion: '25.00',
  input_cache_read: '0.50',
  input_cache_write: '6.25',
  input_cache_write_1h: '10.00',
});

const upstream = (upstreamModel: string) => [{ provider: 'anthropic', upstreamModel }];

export const adaptiveClaudeModels: readonly PublishModel[] = [
  {
    catalogue: {
      ...claude46,
      id: 'anthropic/claude-opus-4.6',
      aliases: ['claude-opus-4-6'],
      name: 'Anthropic: Claude Opus 4.6',
      description: 'A large model for code, agents and long documents.',
      created: day('2026-02-05'),
      routes: upstream('claude-opus-4-6'),
    },
    prices: opusPrices,
  },
  {
    catalogue: {
      ...claude46,
      id: 'anthropic/claude-sonnet-4.6',
      aliases: ['claude-sonnet-4-6'],
      name: 'Anthropic: Claude Sonnet 4.6',
      description: 'A model for code, agents and everyday work.',
      created: day('2026-02-17'),
      routes: upstream('claude-sonnet-4-6'),
    },
    prices: perMillion({
      prompt: '3.00',
      completion: '15.00',
      input_cache_read: '0.30',
      input_cache_write: '3.75',
      input_cache_write_1h: '6.00',
    }),
  },
  {
    catalogue: {
      ...claude47,
      id: 'anthropic/claude-opus-4.7',
      aliases: ['claude-opus-4-7'],
      name: 'Anthropic: Claude Opus 4.7',
      description: 'A large model for demanding code and long tasks of agents.',
      created: day('2026-04-16'),
      routes: upstream('claude-opus-4-7'),
    },
    prices: opusPrices,
  },
  {
    catalogue: {
      ...claude5,
      id: 'anthropic/claude-sonnet-5',
      aliases: [],
      name: 'Anthropic: Claude Sonnet 5',
      description: 'A model for code, agents and everyday work that thinks unless told not to.',
      created: day('2026-06-30'),
      routes: upstream('claude-sonnet-5'),
    },
    prices: perMillion({
      prompt: '2.00',
      completion: '10.00',
      input_cache_read: '0.20',
      input_cache_write: '2.50',
      input_cache_write_1h: '4.00',
    }),
  },
  {
    catalogue: {
      ...claude5,
      id: 'anthropic/claude-opus-5',
      aliases: [],
      name: 'Anthropic: Claude Opus 5',
      description: 'A large model for complex code and long tasks of agents that thinks unless told not to.',
      created: day('2026-07-24'),
      routes: upstream('claude-opus-5'),
    },
    prices: opusPrices,
  },
];
