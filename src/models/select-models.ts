import { parsePrice } from '../kernel/credits.js';
import type { Instant } from '../kernel/time.js';
import type { PricedModel } from '../pricing/index.js';
import type { ModelQuery, SORTS } from './model-query.js';
import { listedProvider } from './provider-directory.js';
import type { RouteStatistics } from './route-statistics.js';

const DAY_MS = 86_400_000;

/** Whether a model is among those asked for. */
type Filter = (model: PricedModel) => boolean;

/**
 * The models that a query asks for, in its order. Of names given as a list a model must have every parameter and every input
 * modality, and any of the output modalities, authors and providers. What nobody knows of any model (benchmarks, regions, data
 * retention) no model has: asking for it gives none, and ordering by it changes nothing.
 */
export function selectModels(
  models: readonly PricedModel[],
  query: ModelQuery,
  now: Instant,
  statistics: RouteStatistics,
): readonly PricedModel[] {
  const filters = filtersOf(query, now);
  const selected = models.filter((model) => filters.every((filter) => filter(model)));
  return query.sort === undefined ? selected : sorted(selected, query.sort, statistics);
}

/** The modalities that an answer can have; `all` leaves none out. */
export const answersIn =
  (modalities: readonly string[]): Filter =>
  ({ outputModalities }) =>
    modalities.includes('all') || outputModalities.some((modality) => modalities.includes(modality));

function filtersOf(query: ModelQuery, now: Instant): Filter[] {
  const { q, arch } = query;
  const age = ({ created }: PricedModel) => Math.floor((now - created * 1000) / DAY_MS);
  return [
    ...given(query.output_modalities, answersIn),
    ...given(query.input_modalities, (asked) => (model) => asked.every((each) => model.inputModalities.includes(each))),
    ...given(query.supported_parameters, (asked) => (model) => asked.every((each) => model.supportedParameters.includes(each))),
    ...given(q?.trim().toLowerCase(), (asked) => (model) => namesOf(model).some((name) => name.toLowerCase().includes(asked))),
    ...given(arch?.toLowerCase(), (asked) => (model) => model.tokenizer.toLowerCase() === asked),
    ...given(
      query.model_authors,
      (asked) =>
        ({ id }) =>
          asked.includes(id.slice(0, id.indexOf('/')).toLowerCase()),
    ),
    ...given(
      query.providers,
      (asked) =>
        ({ routes }) =>
          routes.some(({ provider }) => isNamed(provider, asked)),
    ),
    ...given(
      query.context,
      (least) =>
        ({ contextLength }) =>
          contextLength >= least,
    ),
    ...given(query.min_price, (least) => (model) => dollarsPerMillion(model.pricing.prompt) >= least),
    ...given(query.max_price, (most) => (model) => dollarsPerMillion(model.pricing.prompt) <= most),
    ...given(query.min_output_price, (least) => (model) => dollarsPerMillion(model.pricing.completion) >= least),
    ...given(query.max_output_price, (most) => (model) => dollarsPerMillion(model.pricing.completion) <= most),
    ...given(query.min_age_days, (least) => (model) => age(model) >= least),
    ...given(query.max_age_days, (most) => (model) => age(model) <= most),
    ...(asksForUnknown(query) ? [() => false] : []),
  ];
}

const given = <Value>(value: Value | undefined, filter: (value: Value) => Filter): Filter[] =>
  value === undefined ? [] : [filter(value)];

const namesOf = ({ id, name, aliases }: PricedModel): string[] => [id, name, ...aliases];

function isNamed(provider: string, asked: readonly string[]): boolean {
  const { name, slug, otherNames = [] } = listedProvider(provider);
  return [provider, name, slug, ...otherNames].some((each) => asked.includes(each.toLowerCase()));
}

/** Prices are listed per token. */
const dollarsPerMillion = (price: string): number => Number(parsePrice(price) ?? 0n) / 1e6;

const asksForUnknown = (query: ModelQuery): boolean =>
  query.distillable === 'true' ||
  query.zdr === 'true' ||
  query.region !== undefined ||
  Object.entries(query).some(([name, value]) => /_(index|rate)$/.test(name) && value !== undefined);

/** Stable: what is equal, or not known, stays in the order of the list. */
function sorted(
  models: readonly PricedModel[],
  sort: (typeof SORTS)[number],
  statistics: RouteStatistics,
): readonly PricedModel[] {
  switch (sort) {
    case 'newest':
      return ascending(models, ({ created }) => -created);
    case 'context-high-to-low':
      return ascending(models, ({ contextLength }) => -contextLength);
    case 'pricing-low-to-high':
      return ascending(models, averagePrice);
    case 'pricing-high-to-low':
      return ascending(models, (model) => -averagePrice(model));
    case 'latency-low-to-high':
      return ascending(models, (model) => bestOf(model, statistics, 'latencyLast30m', Math.min));
    case 'throughput-high-to-low':
      return ascending(models, (model) => negative(bestOf(model, statistics, 'throughputLast30m', Math.max)));
    case 'most-popular':
    case 'top-weekly':
    case 'intelligence-high-to-low':
    case 'coding-high-to-low':
    case 'agentic-high-to-low':
    case 'design-arena-elo-high-to-low':
      return models;
  }
}

const averagePrice = ({ pricing }: PricedModel): number =>
  (dollarsPerMillion(pricing.prompt) + dollarsPerMillion(pricing.completion)) / 2;

/** The median of the route that does best; undefined where none is known. */
function bestOf(
  { routes }: PricedModel,
  statistics: RouteStatistics,
  figure: 'latencyLast30m' | 'throughputLast30m',
  best: (...medians: number[]) => number,
): number | undefined {
  const medians = routes.flatMap(({ provider, upstreamModel }) => statistics.of(provider, upstreamModel)?.[figure]?.p50 ?? []);
  return medians.length === 0 ? undefined : best(...medians);
}

const negative = (value: number | undefined): number | undefined => (value === undefined ? undefined : -value);

/** Those of which nothing is known come last. */
function ascending(models: readonly PricedModel[], by: (model: PricedModel) => number | undefined): readonly PricedModel[] {
  const known = models.map((model) => ({ model, rank: by(model) ?? Number.POSITIVE_INFINITY }));
  return known.sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank)).map(({ model }) => model);
}
