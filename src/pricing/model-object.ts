import type { PricedModel } from './booked-model.js';

/**
 * OpenRouter's model object, with `object` and `owned_by` for OpenAI's client. `pricing` is as published: the base, which holds where
 * no override does, and the overrides with their conditions, the clock times as numbers.
 */
export type ModelObject = ReturnType<typeof modelObject>;

export function modelObject(model: PricedModel) {
  const { id, reasoning } = model;
  const [preferred] = model.routes;
  const embeds = model.outputModalities.every((each) => each === 'embeddings');
  return {
    id,
    object: 'model' as const,
    owned_by: id.slice(0, id.indexOf('/')),
    canonical_slug: id,
    name: model.name,
    created: model.created,
    description: model.description,
    context_length: model.contextLength,
    architecture: {
      modality: `${model.inputModalities.join('+')}->${model.outputModalities.join('+')}`,
      input_modalities: model.inputModalities,
      output_modalities: model.outputModalities,
      tokenizer: model.tokenizer,
      instruct_type: null,
    },
    pricing: model.pricing,
    top_provider: {
      context_length: preferred?.contextLength ?? model.contextLength,
      max_completion_tokens: embeds ? null : (preferred?.maxCompletionTokens ?? model.maxCompletionTokens),
      is_moderated: false,
    },
    per_request_limits: null,
    supported_parameters: model.supportedParameters,
    default_parameters: model.defaultParameters ?? null,
    supported_voices: null,
    ...(reasoning && {
      reasoning: {
        mandatory: reasoning.mandatory,
        supports_max_tokens: reasoning.supportsMaxTokens,
        ...(reasoning.supportedEfforts && { supported_efforts: reasoning.supportedEfforts }),
        ...(reasoning.defaultEffort && { default_effort: reasoning.defaultEffort }),
        ...(reasoning.defaultEnabled !== undefined && { default_enabled: reasoning.defaultEnabled }),
      },
    }),
    links: { details: `/api/v1/model/${id}` },
  };
}
