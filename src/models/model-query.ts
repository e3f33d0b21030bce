import { z } from 'zod';
import { parse } from '../http/validation.js';

/** Values of OpenRouter's `sort`. */
export const SORTS = [
  'most-popular',
  'newest',
  'top-weekly',
  'pricing-low-to-high',
  'pricing-high-to-low',
  'context-high-to-low',
  'throughput-high-to-low',
  'latency-low-to-high',
  'intelligence-high-to-low',
  'coding-high-to-low',
  'agentic-high-to-low',
  'design-arena-elo-high-to-low',
] as const;

const INPUT_MODALITIES = ['text', 'image', 'audio', 'file', 'video'] as const;
const OUTPUT_MODALITIES = [
  'text',
  'image',
  'embeddings',
  'audio',
  'video',
  'rerank',
  'decisions',
  'speech',
  'transcription',
  'all',
] as const;

const TEXT_MAX = 1_000;
const OFFSET_MAX = 1_000_000;
const PAGE_MAX = 1_000;
const PAGE_DEFAULT = 500;

const text = z.string('must be given once').max(TEXT_MAX);
const names = text.transform((value) => value.split(',').flatMap((name) => name.trim().toLowerCase() || []));
const namesOf = (known: readonly string[]) =>
  names.refine((asked) => asked.every((name) => known.includes(name)), `must be a list of: ${known.join(', ')}`);

function number(pattern: RegExp, min: number, max: number, message: string) {
  return text
    .regex(pattern, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}
const WHOLE = /^\d{1,15}$/;
const DECIMAL = /^\d{1,15}(\.\d{1,15})?$/;
const count = (min: number, max: number) => number(WHOLE, min, max, `must be a whole number from ${min} to ${max}`);
const tokens = count(0, Number.MAX_SAFE_INTEGER);
const days = count(0, 1_000_000);
const dollars = number(DECIMAL, 0, Number.MAX_SAFE_INTEGER, 'must be a number of dollars per million tokens, from 0');
const score = number(DECIMAL, 0, Number.MAX_SAFE_INTEGER, 'must be a number from 0');

const paging = { offset: count(0, OFFSET_MAX).optional(), limit: count(1, PAGE_MAX).optional() };

/** The query of `GET /models`, without what nothing can be said about (`category`, how the list is rendered). */
const modelsQuery = z.object({
  ...paging,
  sort: z.enum(SORTS, `must be one of: ${SORTS.join(', ')}`).optional(),
  q: text.optional(),
  supported_parameters: names.optional(),
  input_modalities: namesOf(INPUT_MODALITIES).optional(),
  output_modalities: namesOf(OUTPUT_MODALITIES).optional(),
  context: tokens.optional(),
  min_price: dollars.optional(),
  max_price: dollars.optional(),
  min_output_price: dollars.optional(),
  max_output_price: dollars.optional(),
  min_age_days: days.optional(),
  max_age_days: days.optional(),
  arch: text.optional(),
  model_authors: names.optional(),
  providers: names.optional(),
  distillable: z.enum(['true', 'false'], 'must be true or false').optional(),
  zdr: z.enum(['true', 'false'], 'must be true or false').optional(),
  region: z.enum(['eu', 'us'], 'must be eu or us').optional(),
  min_intelligence_index: score.optional(),
  max_intelligence_index: score.optional(),
  min_coding_index: score.optional(),
  max_coding_index: score.optional(),
  min_agentic_index: score.optional(),
  max_agentic_index: score.optional(),
  min_tool_success_rate: score.optional(),
  max_tool_success_rate: score.optional(),
});
const pageQuery = z.object(paging);
const countQuery = modelsQuery.pick({ output_modalities: true });

export type ModelQuery = z.output<typeof modelsQuery>;
export type Page = z.output<typeof pageQuery>;

/** Throws the 400 that names the first parameter that is wrong. An empty parameter says nothing. */
export const modelQueryOf = (query: unknown): ModelQuery => parse(modelsQuery, withoutEmpty(query));
export const pageOf = (query: unknown): Page => parse(pageQuery, withoutEmpty(query));
export const countQueryOf = (query: unknown): Pick<ModelQuery, 'output_modalities'> => parse(countQuery, withoutEmpty(query));

const withoutEmpty = (query: unknown): Record<string, unknown> =>
  Object.fromEntries(Object.entries(query ?? {}).filter(([, value]) => value !== ''));

/** The part of a list that a page shows, and where the next one begins; all of it where nothing is said of pages. */
export function pageFrom<Item>(
  items: readonly Item[],
  { offset, limit }: Page,
): { shown: readonly Item[]; next?: Required<Page> } {
  if (offset === undefined && limit === undefined) return { shown: items };
  const from = offset ?? 0;
  const size = limit ?? PAGE_DEFAULT;
  const shown = items.slice(from, from + size);
  return from + size < items.length ? { shown, next: { offset: from + size, limit: size } } : { shown };
}
