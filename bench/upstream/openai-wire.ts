/**
 * What OpenAI's chat completions look like on the wire, down to the fields that a gateway must not relay: the dated model
 * name, `usage: null` on every chunk but the last when usage was asked for, `obfuscation` padding. Shapes from the `openai`
 * SDK's resources/chat/completions; DeepSeek's differences from its API documentation.
 */
export interface UsageFigures {
  promptTokens: number;
  completionTokens: number;
  /** Part of promptTokens, as OpenAI and DeepSeek both count it. */
  cachedTokens?: number;
  cacheWriteTokens?: number;
  /** Part of completionTokens. */
  reasoningTokens?: number;
}

export type Dialect = 'openai' | 'deepseek';

export interface Envelope {
  id: string;
  /** As asked; the answer names the dated snapshot behind it. */
  model: string;
  dialect: Dialect;
  /** Whether the caller sent `stream_options.include_usage`. */
  includeUsage: boolean;
}

export interface ToolCall {
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
}

const CREATED = 1_767_225_600;
const FINGERPRINT = 'fp_0aa8d3e20b';

export function usageObject(figures: UsageFigures, dialect: Dialect): Record<string, unknown> {
  const cached = figures.cachedTokens ?? 0;
  return {
    prompt_tokens: figures.promptTokens,
    completion_tokens: figures.completionTokens,
    total_tokens: figures.promptTokens + figures.completionTokens,
    prompt_tokens_details: {
      cached_tokens: cached,
      ...(dialect === 'openai' && { audio_tokens: 0 }),
      ...(figures.cacheWriteTokens !== undefined && { cache_write_tokens: figures.cacheWriteTokens }),
    },
    completion_tokens_details: {
      reasoning_tokens: figures.reasoningTokens ?? 0,
      ...(dialect === 'openai' && { audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 }),
    },
    ...(dialect === 'deepseek' && { prompt_cache_hit_tokens: cached, prompt_cache_miss_tokens: figures.promptTokens - cached }),
  };
}

const servedModel = ({ model, dialect }: Envelope) => (dialect === 'openai' ? `${model}-2024-07-18` : model);

export function completionObject(
  envelope: Envelope,
  message: Record<string, unknown>,
  finishReason: string | null,
  usage: Record<string, unknown> | undefined,
): Record<string, unknown> {
  return {
    id: envelope.id,
    object: 'chat.completion',
    created: CREATED,
    model: servedModel(envelope),
    choices: [{ index: 0, message: { role: 'assistant', ...message }, logprobs: null, finish_reason: finishReason }],
    ...(usage !== undefined && { usage }),
    ...(envelope.dialect === 'openai' && { service_tier: 'default' }),
    system_fingerprint: FINGERPRINT,
  };
}

function chunkHead(envelope: Envelope): Record<string, unknown> {
  return {
    id: envelope.id,
    object: 'chat.completion.chunk',
    created: CREATED,
    model: servedModel(envelope),
    ...(envelope.dialect === 'openai' && { service_tier: 'default' }),
    system_fingerprint: FINGERPRINT,
  };
}

export function chunkObject(envelope: Envelope, delta: Record<string, unknown>, finishReason: string | null = null): object {
  return {
    ...chunkHead(envelope),
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
    ...(envelope.includeUsage && { usage: null }),
    ...(envelope.dialect === 'openai' && { obfuscation: 'q7Zr2' }),
  };
}

export const usageChunkObject = (envelope: Envelope, usage: Record<string, unknown>): object => ({
  ...chunkHead(envelope),
  choices: [],
  usage,
  ...(envelope.dialect === 'openai' && { obfuscation: '' }),
});

/** The vectors in reverse: a reader has to go by their index. */
export const embeddingsObject = (model: string, vectors: readonly (readonly number[])[], usage: object | null): object => ({
  object: 'list',
  data: vectors.map((embedding, index) => ({ object: 'embedding', index, embedding })).reverse(),
  model,
  ...(usage !== null && { usage }),
});

const ERRORS: Record<number, { message: string; type: string; code: string | null }> = {
  400: { message: "Invalid type for 'messages'.", type: 'invalid_request_error', code: 'invalid_type' },
  401: { message: 'Incorrect API key provided: sk-up****eam.', type: 'invalid_request_error', code: 'invalid_api_key' },
  402: { message: 'Insufficient Balance', type: 'unknown_error', code: 'invalid_request_error' },
  403: { message: 'Country, region, or territory not supported', type: 'request_forbidden', code: 'unsupported_country' },
  404: {
    message: 'The model does not exist or you do not have access to it.',
    type: 'invalid_request_error',
    code: 'model_not_found',
  },
  429: { message: 'Rate limit reached for requests per minute.', type: 'requests', code: 'rate_limit_exceeded' },
  500: { message: 'The server had an error while processing your request.', type: 'server_error', code: null },
  503: { message: 'The engine is currently overloaded, please try again later.', type: 'service_unavailable', code: null },
  529: { message: 'Overloaded', type: 'overloaded_error', code: null },
};

export const errorObject = (status: number): object => ({
  error: { param: null, ...(ERRORS[status] ?? { message: `Failed with status ${status}.`, type: 'server_error', code: null }) },
});
