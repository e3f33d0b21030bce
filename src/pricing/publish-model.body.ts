import { z } from 'zod';
import { invalid, parse } from '../http/validation.js';
import { instantFromText } from '../kernel/time.js';
import { PRICE_NAMES, type PriceName, ROUTE_PROVIDERS } from './domain/pricing.events.js';
import { IMAGE_TOKENS_MAX_KNOWN, type PublishModel } from './domain/publish-model.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$/;
const ALIAS = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}(\/[A-Za-z0-9][A-Za-z0-9._:-]{0,99})?$/;
/** What an OpenAI-compatible model takes where nothing is said. */
const COMMON_PARAMETERS = [
  ...['max_tokens', 'max_completion_tokens', 'temperature', 'top_p', 'stop', 'seed', 'frequency_penalty', 'presence_penalty'],
  ...['response_format', 'tools', 'tool_choice'],
];

const count = z.int().positive().max(1_000_000_000);
const text = z.string().min(1).max(200);
const price = z.string({ error: 'must be a decimal string of credits per token, such as "0.0000025"' });
const priceFields = Object.fromEntries(PRICE_NAMES.map((name) => [name, price.optional()])) as Record<
  PriceName,
  z.ZodOptional<z.ZodString>
>;
const prices = z.strictObject({
  ...priceFields,
  overrides: z
    .array(z.strictObject({ ...priceFields, min_prompt_tokens: count }))
    .max(20)
    .optional(),
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
      .array(z.enum(['text', 'image', 'audio']))
      .min(1)
      .default(['text']),
    supported_parameters: z.array(text).max(100).default(COMMON_PARAMETERS),
    tokenizer: text.default('Other'),
    aliases: z.array(z.string().regex(ALIAS, 'must be a model name')).max(50).default([]),
    prices: prices.optional(),
    pricing: prices.optional(),
    routes: z
      .array(
        z.strictObject({
          provider: z.enum(ROUTE_PROVIDERS),
          upstream_model: text,
          parameters: z.record(z.string(), z.json()).optional(),
        }),
      )
      .min(1)
      .max(20),
    reasoning: z
      .strictObject({
        mandatory: z.boolean().default(false),
        supports_max_tokens: z.boolean().default(false),
        supported_efforts: z.array(text).optional(),
        default_effort: text.optional(),
        default_enabled: z.boolean().optional(),
      })
      .optional(),
    image_tokens_max: count.default(IMAGE_TOKENS_MAX_KNOWN),
    effective_at: z.iso.datetime({ offset: true }).optional(),
  })
  .refine((each) => !each.prices || !each.pricing, { path: ['pricing'], message: 'say "prices" or "pricing", not both' });

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
      routes: said.routes.map(({ provider, upstream_model, parameters }) => ({
        provider,
        upstreamModel: upstream_model,
        ...(parameters && { parameters }),
      })),
      ...(said.reasoning && { reasoning: reasoningOf(said.reasoning) }),
      imageTokensMax: said.image_tokens_max,
    },
    prices: (said.prices ?? said.pricing ?? {}) as PublishModel['prices'],
    ...(said.effective_at === undefined ? {} : { effectiveAt: instantFromText(said.effective_at) }),
  };
}

const reasoningOf = (said: NonNullable<z.infer<typeof body>['reasoning']>) => ({
  mandatory: said.mandatory,
  supportsMaxTokens: said.supports_max_tokens,
  ...(said.supported_efforts && { supportedEfforts: said.supported_efforts }),
  ...(said.default_effort && { defaultEffort: said.default_effort }),
  ...(said.default_enabled !== undefined && { defaultEnabled: said.default_enabled }),
});
