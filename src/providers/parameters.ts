/**
 * Which of a caller's parameters go upstream, by name: what is not listed never does, so that no `api_base`, `extra_headers` or
 * `api_key` of a stranger's can lead our key elsewhere. What a provider has no word for is dropped silently, as OpenRouter does.
 */

import { upstreamMessages } from './messages.js';
import type { Route } from './routing.js';

type Parameters = Readonly<Record<string, unknown>>;

/** Passed where the model's `supported_parameters` name it. */
const BY_MODEL = [
  'temperature',
  'top_p',
  'stop',
  'seed',
  'frequency_penalty',
  'presence_penalty',
  'logit_bias',
  'logprobs',
  'top_logprobs',
  'response_format',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'prediction',
  'verbosity',
  'web_search_options',
] as const;

/**
 * Parameters of the provider's, which OpenRouter's list has no names for. OpenAI refuses `metadata` without `store`, and
 * nothing is stored here: both are dropped.
 */
const BY_PROVIDER: Readonly<Record<string, readonly string[]>> = {
  openai: ['n', 'modalities', 'audio', 'user', 'safety_identifier', 'prompt_cache_key', 'service_tier'],
};

/** DeepSeek's own words among the above (its API documentation); anyone else is taken to know them all. */
const KNOWN: Readonly<Record<string, ReadonlySet<string>>> = {
  deepseek: new Set([
    ...['temperature', 'top_p', 'stop', 'frequency_penalty', 'presence_penalty', 'logprobs', 'top_logprobs'],
    ...['response_format', 'tools', 'tool_choice'],
  ]),
};

/** Tiers that cost no more than the prices we charge by. */
const SERVICE_TIERS: readonly unknown[] = ['auto', 'default', 'flex'];

/** What OpenRouter calls by another name than the parameter it governs. */
const ALSO: Readonly<Record<string, string>> = { response_format: 'structured_outputs' };

/** @param supportedParameters the model's, in OpenRouter's names */
export function upstreamParameters(
  asked: Parameters,
  supportedParameters: readonly string[],
  route: Route,
): Record<string, unknown> {
  const known = KNOWN[route.provider];
  const sent: Record<string, unknown> = {};
  for (const name of BY_MODEL) {
    const supported = supportedParameters.includes(name) || supportedParameters.includes(ALSO[name] ?? name);
    if (isGiven(asked[name]) && supported && (known === undefined || known.has(name))) sent[name] = asked[name];
  }
  for (const name of BY_PROVIDER[route.provider] ?? []) if (isGiven(asked[name])) sent[name] = asked[name];
  if (!SERVICE_TIERS.includes(sent.service_tier)) delete sent.service_tier;
  const reasoning = supportedParameters.some((name) => name === 'reasoning' || name === 'reasoning_effort')
    ? reasoningOf(asked, route)
    : {};
  const thinks = route.provider === 'deepseek' && reasoning.thinking === undefined;
  return { messages: upstreamMessages(asked.messages, thinks), ...sent, ...outputLimit(asked, route), ...reasoning };
}

const isGiven = (value: unknown) => value !== undefined && value !== null;

/** Whatever the model is said to support: the reservation counts on this limit. Of two, the smaller. */
function outputLimit({ max_tokens, max_completion_tokens }: Parameters, route: Route): Parameters {
  const limits = [max_tokens, max_completion_tokens].filter((limit) => typeof limit === 'number');
  if (limits.length === 0) return {};
  const limit = Math.min(...limits);
  if (route.provider === 'deepseek') return { max_tokens: limit };
  const asCompletion = isReasoningModel(route.upstreamModel) || isGiven(max_completion_tokens);
  return asCompletion ? { max_completion_tokens: limit } : { max_tokens: limit };
}

/** OpenAI's o-series, and GPT from the fifth on: they refuse `max_tokens`. */
const isReasoningModel = (model: string) => /^(o\d|gpt-([5-9]|\d\d)|codex)/.test(model);

/** `reasoning: {effort, enabled}` in the provider's words; DeepSeek switches thinking off by a parameter of its own. */
function reasoningOf({ reasoning, reasoning_effort }: Parameters, { provider }: Route): Record<string, unknown> {
  const { effort, enabled } = (typeof reasoning === 'object' && reasoning !== null ? reasoning : {}) as Parameters;
  const wanted = enabled === false ? 'none' : (effort ?? reasoning_effort);
  if (typeof wanted !== 'string') return {};
  return provider === 'deepseek' && wanted === 'none' ? { thinking: { type: 'disabled' } } : { reasoning_effort: wanted };
}
