import type { ProviderAttempt } from '../accounts/domain/accounts.events.js';
import { creditsAsNumber } from '../kernel/credits.js';
import { instantToText } from '../kernel/time.js';
import { providerName, providerTag } from '../models/index.js';
import { completionTokens, promptTokens } from '../pricing/index.js';
import type { GenerationRecord } from './read-side.js';

/**
 * OpenRouter's generation object, with every field that its client requires; null is what is not known here. Token counts are the
 * provider's own, so those of the model's tokenizer and the native ones are the same. `total_cost` is what was charged; a refund
 * does not change it. Times are milliseconds from the reservation: `latency` to the first sign of an answer, `generation_time` to its
 * end.
 */
export function generationObject(record: GenerationRecord, accountId: string, apiType: 'completions' | 'embeddings') {
  const { generationId, model, status, ending, attempts, classes, answer } = record;
  const last = attempts.at(-1);
  const cost = creditsAsNumber(record.cost);
  const isCharged = status === 'settled';
  const tokens = (count: number) => (isCharged ? count : null);
  return {
    id: generationId,
    upstream_id: last?.upstreamId ?? null,
    total_cost: cost,
    usage: cost,
    upstream_inference_cost: null,
    cache_discount: null,
    created_at: instantToText(record.reservedAt),
    model,
    app_id: null,
    api_type: apiType,
    streamed: answer.streamed ?? null,
    cancelled: ending === 'client_gone',
    provider_name: last === undefined ? null : providerName(last.provider),
    provider_responses: attempts.map((attempt) => providerResponse(attempt, model)),
    latency: answer.latencyMs ?? null,
    moderation_latency: null,
    generation_time: answer.durationMs ?? null,
    finish_reason: answer.finishReason ?? null,
    native_finish_reason: null,
    tokens_prompt: tokens(promptTokens(classes)),
    tokens_completion: tokens(completionTokens(classes)),
    native_tokens_prompt: tokens(promptTokens(classes)),
    native_tokens_completion: tokens(completionTokens(classes)),
    native_tokens_reasoning: tokens(classes['output_reasoning'] ?? 0),
    native_tokens_cached: tokens(classes['cache_read'] ?? 0),
    native_tokens_completion_images: null,
    num_media_prompt: null,
    num_media_completion: null,
    num_input_audio_prompt: null,
    num_search_results: null,
    num_fetches: null,
    origin: '',
    is_byok: false,
    http_referer: null,
    user_agent: null,
    external_user: null,
    router: null,
    preset_id: null,
    service_tier: null,
    data_region: 'global',
    web_search_engine: null,
    workspace_id: accountId,
    request_id: null,
    session_id: null,
    response_cache_source_id: null,
  };
}

/** Status 0 is none: there was no answer. */
const providerResponse = ({ provider, upstreamId, status }: ProviderAttempt, model: string) => ({
  provider_name: providerName(provider),
  endpoint_id: `${providerTag(provider)}/${model}`,
  model_permaslug: model,
  status: status === 0 ? null : status,
  is_byok: false,
  ...(upstreamId === undefined ? {} : { id: upstreamId }),
});
