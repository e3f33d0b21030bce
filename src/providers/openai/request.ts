import type { ChatCall } from '../provider.js';
import { withoutSchema } from './answer-format.js';
import type { OpenAiDialect } from './dialect.js';
import { upstreamMessages, withoutCacheControl } from './messages.js';
import { reasoningParameters, thinks } from './reasoning-parameters.js';

/** Refused by OpenAI's models while they reason, but for the value that they have anyway. */
const SAMPLING = ['temperature', 'top_p', 'frequency_penalty', 'presence_penalty', 'logprobs', 'top_logprobs'] as const;
/** Refused by DeepSeek's models while they think; they ignore the rest of the sampling. */
const LOGPROBS = ['logprobs', 'top_logprobs'] as const;
const CHAT = ['stop', 'response_format', 'tools', 'tool_choice'] as const;
const OPENAI = ['seed', 'logit_bias', 'parallel_tool_calls', 'prediction', 'verbosity', 'web_search_options'] as const;
/** Sampling that OpenAI has no word for and most servers of open models do. */
const OPEN_MODELS = ['top_k', 'min_p', 'repetition_penalty'] as const;

/**
 * Passed where the model's `supported_parameters` name it. DeepSeek's API documentation: no seed, no logit bias, no prediction, no
 * switch for parallel calls.
 */
const BY_MODEL: Readonly<Record<OpenAiDialect, readonly string[]>> = {
  openai: [...SAMPLING, ...CHAT, ...OPENAI],
  deepseek: [...SAMPLING, ...CHAT],
  compatible: [...SAMPLING, ...CHAT, ...OPENAI, ...OPEN_MODELS],
};

/**
 * Words of the provider's own, which OpenRouter's list of parameters does not have. OpenAI refuses `metadata` without `store`,
 * and nothing is stored here: both are dropped.
 */
const BESIDES: Readonly<Record<OpenAiDialect, readonly string[]>> = {
  openai: ['n', 'modalities', 'audio', 'user', 'safety_identifier', 'prompt_cache_key', 'service_tier'],
  deepseek: [],
  compatible: ['n', 'user'],
};

/** What the limit, the reasoning plan and the schema of the answer are made of. */
const ALWAYS = [
  ...['max_tokens', 'max_completion_tokens', 'structured_outputs'],
  ...['reasoning', 'reasoning_effort', 'include_reasoning', 'thinking'],
];

const wordsOf = (dialect: OpenAiDialect): ReadonlySet<string> => new Set([...BY_MODEL[dialect], ...BESIDES[dialect], ...ALWAYS]);

/** Every word that a dialect has. */
export const WORDS: Readonly<Record<OpenAiDialect, ReadonlySet<string>>> = {
  openai: wordsOf('openai'),
  deepseek: wordsOf('deepseek'),
  compatible: wordsOf('compatible'),
};

/** Tiers that cost no more than the prices we charge by. */
const SERVICE_TIERS: readonly unknown[] = ['auto', 'default', 'flex'];

/** What OpenRouter calls by another name than the parameter it governs. */
const ALSO: Readonly<Record<string, string>> = { response_format: 'structured_outputs' };

/**
 * The body of a request, but for the model and how it is answered. By allow-list: no `api_base` of a stranger's leads our key
 * elsewhere. Throws CannotSay.
 */
export function requestBody(call: ChatCall, dialect: OpenAiDialect): Record<string, unknown> {
  const { request, supportedParameters } = call;
  const sent: Record<string, unknown> = {};
  for (const name of BY_MODEL[dialect]) {
    const supported = supportedParameters.includes(name) || supportedParameters.includes(ALSO[name] ?? name);
    if (isGiven(request[name]) && supported) sent[name] = request[name];
  }
  for (const name of BESIDES[dialect]) if (isGiven(request[name])) sent[name] = request[name];
  for (const name of refusedByReasoning(call, dialect)) delete sent[name];
  if (!SERVICE_TIERS.includes(sent['service_tier'])) delete sent['service_tier'];
  if (Array.isArray(sent['tools'])) sent['tools'] = sent['tools'].map(withoutCacheControl);
  const messages = upstreamMessages(request.messages, {
    developers: dialect === 'openai',
    textOnly: dialect === 'deepseek',
    reasoningBack: dialect === 'deepseek' && thinks(call),
  });
  const format = dialect === 'deepseek' ? withoutSchema(sent, messages) : { messages };
  return { ...sent, ...format, ...outputLimit(call, dialect), ...reasoningParameters(call, dialect) };
}

const isGiven = (value: unknown) => value !== undefined && value !== null;

function outputLimit({ outputTokensMax, upstreamModel, request }: ChatCall, dialect: OpenAiDialect): object {
  if (outputTokensMax === undefined) return {};
  const asCompletion = dialect === 'openai' && (isReasoningModel(upstreamModel) || isGiven(request['max_completion_tokens']));
  return asCompletion ? { max_completion_tokens: outputTokensMax } : { max_tokens: outputTokensMax };
}

function refusedByReasoning(call: ChatCall, dialect: OpenAiDialect): readonly string[] {
  if (dialect === 'deepseek') return thinks(call) ? LOGPROBS : [];
  const reasons = dialect === 'openai' && isReasoningModel(call.upstreamModel) && call.reasoning?.enabled !== false;
  return reasons ? SAMPLING : [];
}

/** OpenAI's o-series, and GPT from the fifth on but for its chat models: they refuse `max_tokens`. */
const isReasoningModel = (model: string) => /^(ft:)?(o\d|gpt-([5-9]|\d\d)(?!.*-chat)|codex)/.test(model);
