import { z } from 'zod';

const names = z.array(z.string().min(1).max(100)).max(100);
const price = z.union([z.number().nonnegative(), z.string().regex(/^\d+(\.\d+)?$/, 'must be a price')]).transform(Number);
const SORTS = ['price', 'throughput', 'latency', 'exacto'] as const;
const QUANTIZATIONS = [
  'int4',
  'int8',
  'fp4',
  'mxfp4',
  'nvfp4',
  'fp6',
  'fp8',
  'mxfp8',
  'fp16',
  'bf16',
  'fp32',
  'unknown',
] as const;

/** `provider` of a request: who may serve it, and who first. Fields of OpenRouter's that are not here mean nothing here. */
export const providerPreferences = z.looseObject({
  /** Providers by id or name, the preferred ones first. */
  order: names.nullish(),
  only: names.nullish(),
  ignore: names.nullish(),
  allow_fallbacks: z.boolean().nullish(),
  /** Only who knows every parameter of the request; otherwise what a provider has no word for is dropped. */
  require_parameters: z.boolean().nullish(),
  data_collection: z.enum(['allow', 'deny']).nullish(),
  quantizations: z.array(z.enum(QUANTIZATIONS)).nullish(),
  sort: z
    .union([z.enum(SORTS), z.looseObject({ by: z.enum(SORTS), partition: z.enum(['model', 'none']).nullish() })], {
      error: `must be one of ${SORTS.join(', ')}`,
    })
    .nullish(),
  /** USD per million tokens; `request` per request. */
  max_price: z.looseObject({ prompt: price.nullish(), completion: price.nullish(), request: price.nullish() }).nullish(),
});

export type ProviderPreferences = z.output<typeof providerPreferences>;
export type RouteSort = (typeof SORTS)[number];
