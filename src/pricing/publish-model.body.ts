import { z } from 'zod';
import { invalid, parse } from '../http/validation.js';
import { instantFromText } from '../kernel/time.js';
import { DEFAULT_PARAMETERS, QUANTIZATIONS, REASONING_CONTROLS, type Route } from './domain/pricing.events.js';
import { IMAGE_TOKENS_MAX_KNOWN, type PublishModel } from './domain/publish-model.js';
import { prices } from './publish-model.prices.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$/;
const PROVIDER = /^[a-z][a-z0-9-]{0,39}$/;
const ALIAS = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}(\/[A-Za-z0-9][A-Za-z0-9._:-]{0,99})?$/;
/** What an OpenAI-compatible model takes where nothing is said. */
const COMMON_PARAMETERS = [
  ...['max_tokens', 'max_completion_tokens', 'temperature', 'top_p', 'stop', 'seed', 'frequency_penalty', 'presence_penalty'],
  ...['response_format', 'tools', 'tool_choice'],
];

const count = z.int().positive().max(1_000_000_000);
const text = z.string().min(1).max(200);
const route = z.strictObject({
  provider: z.string().regex(PROVIDER, "must be a provider's id: lower-case letters, digits and hyphens"),
  upstream_model: text,
  parameters: z.record(z.string(), z.json()).optional(),
  quantization: z.enum(QUANTIZATIONS).optional(),
  data_collection: z.enum(['allow', 'deny']).default('allow'),
  context_length: count.optional(),
  max_completion_tokens: count.optional(),
});
const reasoning = z.strictObject({
  control: z.enum(REASONING_CONTROLS).optional(),
  mandatory: z.boolean().default(false),
  supports_max_tokens: z.boolean().optional(),
  supported_efforts: z.array(text).optional(),
  default_effort: text.optional(),
  default_enabled: z.boolean().optional(),
});

const body = z
  .strictObject({
    name: text,
    description: z.string().max(10_000).default(''),
    created: z.int().nonnegative().optional(),
    context_length: count,
    max_completion_tokens: count,
    input_modalities: z
      .array(z.enum(['text', 'image', 'file', 'audio', 'video']))
      .min(1)
      .default(['text']),
    output_modalities: z
      .array(z.enum(['text', 'image', 'audio', 'embeddings']))
      .min(1)
      .default(['text']),
    supported_parameters: z.array(text).max(100).default(COMMON_PARAMETERS),
    tokenizer: text.default('Other'),
    aliases: z.array(z.string().regex(ALIAS, 'must be a model name')).max(50).default([]),
    prices: prices.optional(),
    pricing: prices.optional(),
    routes: z.array(route).min(1).max(20),
    reasoning: reasoning.optional(),
    default_completion_tokens: count.optional(),
    default_parameters: z.partialRecord(z.enum(DEFAULT_PARAMETERS), z.number()).optional(),
    image_tokens_max: count.default(IMAGE_TOKENS_MAX_KNOWN),
    effective_at: z.iso.datetime({ offset: true }).optional(),
  })
  .refine((each) => !each.prices || !each.pricing, { path: ['pricing'], message: 'say "prices" or "pricing", not both' })
  .refine((each) => (each.default_completion_tokens ?? 0) <= each.max_completion_tokens, {
    path: ['default_completion_tokens'],
    message: 'must not be more than max_completion_tokens',
  });

/** The command in a request; throws a 400 that names the field which is wrong. */
export function parsePublishModel(author: string, slug: string, json: unknown): PublishModel {
  for (const [param, value] of [
    ['author', author],
    ['slug', slug],
  ] as const) {
    if (!NAME.test(value)) throw invalid(param, 'must be a name of letters, digits and ._:-');
  }
  return toCommand(`${author}/${slug}`, parse(body, json));
}

/** Under which of its two names a request states the prices. */
export const pricesFieldOf = (json: unknown): string =>
  typeof json === 'object' && json !== null && 'pricing' in json ? 'pricing' : 'prices';

function toCommand(id: string, said: z.infer<typeof body>): PublishModel {
  return {
    catalogue: {
      id,
      aliases: said.aliases,
      name: said.name,
      description: said.description,
      ...(said.created === undefined ? {} : { created: said.created }),
      contextLength: said.context_length,
      maxCompletionTokens: said.max_completion_tokens,
      inputModalities: said.input_modalities,
      outputModalities: said.output_modalities,
      supportedParameters: said.supported_parameters,
      tokenizer: said.tokenizer,
      routes: said.routes.map(routeOf),
      ...(said.reasoning && { reasoning: reasoningOf(said.reasoning) }),
      ...(said.default_completion_tokens && { defaultCompletionTokens: said.default_completion_tokens }),
      ...(said.default_parameters && { defaultParameters: said.default_parameters }),
      imageTokensMax: said.image_tokens_max,
    },
    prices: (said.prices ?? said.pricing ?? {}) as PublishModel['prices'],
    ...(said.effective_at === undefined ? {} : { effectiveAt: instantFromText(said.effective_at) }),
  };
}

/** What is left out takes its default by being absent, so that both ways to say it are the same content. */
const routeOf = (said: z.infer<typeof route>): Route => ({
  provider: said.provider,
  upstreamModel: said.upstream_model,
  ...(said.parameters && { parameters: said.parameters }),
  ...(said.quantization && { quantization: said.quantization }),
  ...(said.data_collection === 'deny' && { dataCollection: said.data_collection }),
  ...(said.context_length && { contextLength: said.context_length }),
  ...(said.max_completion_tokens && { maxCompletionTokens: said.max_completion_tokens }),
});

const reasoningOf = (said: z.infer<typeof reasoning>) => ({
  ...(said.control && { control: said.control }),
  mandatory: said.mandatory,
  supportsMaxTokens: said.supports_max_tokens ?? said.control === 'budget',
  ...(said.supported_efforts && { supportedEfforts: said.supported_efforts }),
  ...(said.default_effort && { defaultEffort: said.default_effort }),
  ...(said.default_enabled !== undefined && { defaultEnabled: said.default_enabled }),
});
