import type { ChatCall } from '../provider.js';
import { upstreamMessages } from './messages.js';

/** `compatible`: a server that speaks OpenAI's chat completions as most of them do. */
export type OpenAiDialect = 'openai' | 'deepseek' | 'compatible';

type Parameters = Readonly<Record<string, unknown>>;

/** Passed where the model's `supported_parameters` name it. */
const BY_MODEL = [
  ...['temperature', 'top_p', 'stop', 'frequency_penalty', 'presence_penalty', 'logprobs', 'top_logprobs'],
  ...['response_format', 'tools', 'tool_choice', 'seed', 'logit_bias', 'parallel_tool_calls', 'prediction', 'verbosity'],
  'web_search_options',
] as const;
/** Sampling that OpenAI has no word for and most servers of open models do. */
const OPEN_MODELS = ['top_k', 'min_p', 'repetition_penalty'] as const;

/**
 * Words of the provider's own, which OpenRouter's list of parameters does not have. OpenAI refuses `metadata` without `store`,
 * and nothing is stored here: both are dropped.
 */
const BESIDES: Readonly<Record<OpenAiDialect, readonly string[]>> = {
  openai: ['n', 'modalities', 'audio', 'user', 'safety_identifier', 'prompt_cache_key', 'service_tier'],
  deepseek: [],
  compatible: ['n', 'user'],
};

/** What needs no entry above to be understood. */
const ALWAYS = [
  'max_tokens',
  'max_completion_tokens',
  'reasoning',
  'reasoning_effort',
  'include_reasoning',
  'structured_outputs',
];

/** Every word that a dialect has. DeepSeek's API documentation: no seed, no logit bias, no prediction, no switch for parallel calls. */
export const WORDS: Readonly<Record<OpenAiDialect, ReadonlySet<string>>> = {
  openai: new Set([...BY_MODEL, ...BESIDES.openai, ...ALWAYS]),
  deepseek: new Set([...BY_MODEL.slice(0, 10), ...ALWAYS]),
  compatible: new Set([...BY_MODEL, ...OPEN_MODELS, ...BESIDES.compatible, ...ALWAYS]),
};

/** Tiers that cost no more than the prices we charge by. */
const SERVICE_TIERS: readonly unknown[] = ['auto', 'default', 'flex'];

/** What OpenRouter calls by another name than the parameter it governs. */
const ALSO: Readonly<Record<string, string>> = { response_format: 'structured_outputs' };

/** The body of a request, but for the model and how it is answered. By allow-list: no `api_base` of a stranger's leads our key elsewhere. */
export function requestBody(call: ChatCall, dialect: OpenAiDialect): Record<string, unknown> {
  const { request, supportedParameters } = call;
  const sent: Record<string, unknown> = {};
  for (const name of [...BY_MODEL, ...OPEN_MODELS]) {
    const supported = supportedParameters.includes(name) || supportedParameters.includes(ALSO[name] ?? name);
    if (isGiven(request[name]) && supported && WORDS[dialect].has(name)) sent[name] = request[name];
  }
  for (const name of BESIDES[dialect]) if (isGiven(request[name])) sent[name] = request[name];
  if (!SERVICE_TIERS.includes(sent['service_tier'])) delete sent['service_tier'];
  const messages = upstreamMessages(request.messages, dialect === 'deepseek' && thinks(call));
  return { messages, ...sent, ...outputLimit(call, dialect), ...reasoning(call, dialect) };
}

const isGiven = (value: unknown) => value !== undefined && value !== null;

/** DeepSeek's models think unless they are told not to. */
function thinks({ reasoning: plan, routeParameters }: ChatCall): boolean {
  const routed = routeParameters?.['thinking'] as { readonly type?: unknown } | undefined;
  return plan?.enabled !== false && routed?.type !== 'disabled';
}

function outputLimit({ outputTokensMax, upstreamModel, request }: ChatCall, dialect: OpenAiDialect): Parameters {
  if (outputTokensMax === undefined) return {};
  const asCompletion = dialect === 'openai' && (isReasoningModel(upstreamModel) || isGiven(request['max_completion_tokens']));
  return asCompletion ? { max_completion_tokens: outputTokensMax } : { max_tokens: outputTokensMax };
}

/** OpenAI's o-series, and GPT from the fifth on: they refuse `max_tokens`. */
const isReasoningModel = (model: string) => /^(o\d|gpt-([5-9]|\d\d)|codex)/.test(model);

/** DeepSeek switches thinking by a parameter of its own; others take `none` for an effort. */
function reasoning({ reasoning: plan }: ChatCall, dialect: OpenAiDialect): Parameters {
  if (plan === undefined) return {};
  if (dialect === 'deepseek' && !plan.enabled) return { thinking: { type: 'disabled' } };
  if (!plan.enabled) return { reasoning_effort: 'none' };
  const effort = plan.effort && { reasoning_effort: plan.effort };
  return plan.control === 'toggle' ? { thinking: { type: 'enabled' }, ...effort } : { ...effort };
}
