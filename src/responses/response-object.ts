import { type Block, textOf } from '../canonical-chat/index.js';
import type { Generation, UsageBlock } from '../completions/index.js';
import type { ApiError } from '../http/api-error.js';
import type { ChatObject } from '../providers/index.js';
import { outputItem, type Telling } from './output-items.js';
import type { ResponsesRequest } from './responses-request.js';

/** How a response stands: what is told of it beside its output. */
export interface Standing {
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed';
  readonly incomplete_details: { readonly reason: string } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export const IN_PROGRESS: Standing = { status: 'in_progress', incomplete_details: null, error: null };

/** How an answer ended, by the canonical reason. */
export function standingAt(finishReason: unknown): Standing {
  switch (finishReason) {
    case 'length':
      return { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, error: null };
    case 'content_filter':
      return { status: 'incomplete', incomplete_details: { reason: 'content_filter' }, error: null };
    case 'error':
      return failed('server_error', 'The provider broke off its answer; this is all that was generated and charged');
    default:
      return { status: 'completed', incomplete_details: null, error: null };
  }
}

/** A response that an error ended. */
export function standingAfter({ status, message }: ApiError): Standing {
  return failed(status === 429 ? 'rate_limit_exceeded' : status < 499 ? 'invalid_prompt' : 'server_error', message);
}

const failed = (code: string, message: string): Standing => ({
  status: 'failed',
  incomplete_details: null,
  error: { code, message },
});

/** The output of a whole answer. Only what was said last can have been cut off. */
export const outputOf = (blocks: readonly Block[], telling: Telling, { status }: Standing): ChatObject[] =>
  blocks.map((block, index) =>
    outputItem(block, telling, index < blocks.length - 1 || status === 'completed' ? 'completed' : 'incomplete'),
  );

/** The text of the whole output, which OpenAI's clients compute for themselves. */
export const outputText = (blocks: readonly Block[]): string =>
  blocks.map((block) => (block.kind === 'text' ? textOf(block) : '')).join('');

/** The response: everything that OpenAI's types require, what was asked beside what was answered. */
export function responseObject(asked: ResponsesRequest, generation: Generation, standing: Standing, said: Said): ChatObject {
  const { id, at, model, provider } = generation;
  return {
    id,
    object: 'response',
    created_at: Math.floor(at / 1000),
    model: model.id,
    provider: provider.name,
    ...standing,
    ...said,
    ...echoOf(asked),
  };
}

export interface Said {
  readonly output: readonly ChatObject[];
  readonly output_text: string;
  readonly usage: ChatObject | null;
}

const echoOf = (asked: ResponsesRequest): ChatObject => ({
  instructions: asked.instructions ?? null,
  metadata: asked.metadata ?? {},
  parallel_tool_calls: asked.parallel_tool_calls ?? true,
  temperature: asked.temperature ?? null,
  top_p: asked.top_p ?? null,
  top_logprobs: 0,
  tool_choice: asked.tool_choice ?? 'auto',
  tools: (asked.tools ?? []).map((tool) => ({ ...tool, parameters: tool.parameters ?? null, strict: tool.strict ?? null })),
  max_output_tokens: asked.max_output_tokens ?? null,
  reasoning: { effort: asked.reasoning?.effort ?? null, summary: asked.reasoning?.summary ?? null },
  text: { format: asked.text?.format ?? { type: 'text' }, verbosity: asked.text?.verbosity ?? 'medium' },
  truncation: 'disabled',
  service_tier: 'default',
  background: false,
  store: false,
  previous_response_id: null,
  prompt_cache_key: asked.prompt_cache_key ?? null,
  safety_identifier: asked.safety_identifier ?? null,
  ...(asked.user != null && { user: asked.user }),
});

/** Usage in the words of Responses, with what was charged, in credits. */
export const usageOf = ({ prompt_tokens, completion_tokens, total_tokens, cost, ...details }: UsageBlock): ChatObject => ({
  input_tokens: prompt_tokens,
  input_tokens_details: {
    cached_tokens: details.prompt_tokens_details.cached_tokens,
    cache_write_tokens: details.prompt_tokens_details.cache_write_tokens,
  },
  output_tokens: completion_tokens,
  output_tokens_details: { reasoning_tokens: details.completion_tokens_details.reasoning_tokens },
  total_tokens,
  cost,
});
