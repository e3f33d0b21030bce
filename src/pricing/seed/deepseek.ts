import { IMAGE_TOKENS_MAX_KNOWN, type PublishModel } from '../domain/publish-model.js';
import { day, perMillion, type Shared } from './seed-model.js';

/**
 * List prices of api-docs.deepseek.com/quick_start/pricing, as of 2026-10, for `deepseek-flash`, which took the place of the
 * names `deepseek-chat` and `deepseek-reasoner` (gone at the provider since 2026-07-24); thinking tells them apart. These are
 * the prices of its peak hours; it takes half in the others. A price by the time of day is not in formula `usage@1`, and a
 * call is never charged below what it costs.
 */
const shared: Shared = { tokenizer: 'DeepSeek', inputModalities: ['text'], outputModalities: ['text'] };
const limits = { contextLength: 1_048_576, maxCompletionTokens: 393_216, imageTokensMax: IMAGE_TOKENS_MAX_KNOWN };
const prices = perMillion({ prompt: '0.30', completion: '1.20', input_cache_read: '0.006' });

const chat = ['max_tokens', 'max_completion_tokens', 'response_format', 'tools', 'tool_choice'];
const sampling = ['temperature', 'top_p', 'stop', 'frequency_penalty', 'presence_penalty', 'logprobs', 'top_logprobs'];

const upstream = (thinking: 'enabled' | 'disabled') => [
  { provider: 'deepseek' as const, upstreamModel: 'deepseek-flash', parameters: { thinking: { type: thinking } } },
];

export const deepseekModels: readonly PublishModel[] = [
  {
    catalogue: {
      ...shared,
      ...limits,
      id: 'deepseek/deepseek-chat',
      aliases: [],
      name: 'DeepSeek: DeepSeek Chat',
      description: 'A general chat model that answers without thinking first.',
      created: day('2024-12-26'),
      supportedParameters: [...chat, ...sampling],
      routes: upstream('disabled'),
    },
    prices,
  },
  {
    catalogue: {
      ...shared,
      ...limits,
      id: 'deepseek/deepseek-reasoner',
      aliases: [],
      name: 'DeepSeek: DeepSeek Reasoner',
      description: 'A reasoning model that thinks before it answers.',
      created: day('2025-01-20'),
      supportedParameters: [...chat, 'reasoning', 'reasoning_effort', 'include_reasoning'],
      routes: upstream('enabled'),
      reasoning: { mandatory: true, supportsMaxTokens: false, supportedEfforts: ['high', 'low'], defaultEffort: 'high' },
    },
    prices,
  },
];
