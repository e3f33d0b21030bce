import { IMAGE_TOKENS_MAX_KNOWN, type PublishModel } from '../domain/publish-model.js';
import { DEFAULT_ANSWER, DEFAULT_ANSWER_THINKING, day, perMillion, type Shared } from './seed-model.js';

/**
 * List prices of api-docs.deepseek.com/quick_start/pricing, as of 2026-11, for `deepseek-flash`, which took the place of the
 * names `deepseek-chat` and `deepseek-reasoner` (gone at the provider since 2026-07-24); thinking tells them apart. The base is the
 * price of its peak hours, 01:00 to 04:00 and 06:00 to 10:00 UTC from Monday to Friday; it takes half in the others. It takes half
 * on China's public holidays as well, which no override can name: those are charged like other days, never below what they cost.
 */
const shared: Shared = { tokenizer: 'DeepSeek', inputModalities: ['text'], outputModalities: ['text'] };
const limits = { contextLength: 1_048_576, maxCompletionTokens: 393_216, imageTokensMax: IMAGE_TOKENS_MAX_KNOWN };
const offPeak = perMillion({ prompt: '0.15', completion: '0.60', input_cache_read: '0.003' });
const prices: PublishModel['prices'] = {
  ...perMillion({ prompt: '0.30', completion: '1.20', input_cache_read: '0.006' }),
  overrides: [
    { utc_start: 400, utc_end: 600, ...offPeak },
    { utc_start: 1000, utc_end: 100, ...offPeak },
    { utc_days: ['saturday', 'sunday'], ...offPeak },
  ],
};

const chat = ['max_tokens', 'max_completion_tokens', 'response_format', 'tools', 'tool_choice'];
const sampling = ['temperature', 'top_p', 'stop', 'frequency_penalty', 'presence_penalty', 'logprobs', 'top_logprobs'];

const upstream = (thinking: 'enabled' | 'disabled') => [
  { provider: 'deepseek', upstreamModel: 'deepseek-flash', parameters: { thinking: { type: thinking } } },
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
      defaultCompletionTokens: DEFAULT_ANSWER,
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
      defaultCompletionTokens: DEFAULT_ANSWER_THINKING,
      supportedParameters: [...chat, 'reasoning', 'reasoning_effort', 'include_reasoning'],
      routes: upstream('enabled'),
      reasoning: {
        control: 'toggle',
        mandatory: true,
        supportsMaxTokens: false,
        supportedEfforts: ['max', 'high', 'low'],
        defaultEffort: 'high',
      },
    },
    prices,
  },
];
