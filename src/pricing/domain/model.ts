import { type Instant, instantFromText } from '../../kernel/time.js';
import { type PriceTable, priceTable } from './price-table.js';
import {
  FORMULA_VERSIONS,
  type FormulaVersion,
  type ModelCatalogue,
  type PricingEvent,
  type PublishedPrices,
} from './pricing.events.js';

/** A model of the book as its stream tells it. */
export interface Model {
  readonly catalogue?: ModelCatalogue;
  /** Every price version ever, in the order of publication. */
  readonly versions: readonly PriceVersion[];
}

export interface PriceVersion {
  readonly priceVersion: string;
  readonly effectiveAt: Instant;
  readonly pricing: PublishedPrices;
  readonly prices: PriceTable;
  readonly formulaVersion: FormulaVersion;
}

export const unpublishedModel = (): Model => ({ versions: [] });

export function evolveModel(model: Model, event: PricingEvent): Model {
  switch (event.type) {
    case 'ModelPublished':
      return { ...model, catalogue: event.data };
    case 'PricesPublished':
      return { ...model, versions: [...model.versions, priceVersionOf(event.data)] };
    default:
      throw new Error(`unknown event of a model: ${(event satisfies never as PricingEvent).type}`);
  }
}

/** The version in force: of those already effective the one that took effect last, and of equals the one published later. */
export function versionInForce(model: Model, at: Instant): PriceVersion | undefined {
  let found: PriceVersion | undefined;
  for (const version of model.versions) {
    if (version.effectiveAt <= at && (!found || version.effectiveAt >= found.effectiveAt)) found = version;
  }
  return found;
}

/** When another version may come into force; Infinity where none is scheduled. */
export const nextChange = (model: Model, at: Instant): Instant =>
  model.versions.reduce(
    (next, { effectiveAt }) => (effectiveAt > at && effectiveAt < next ? effectiveAt : next),
    Number.POSITIVE_INFINITY,
  );

function priceVersionOf({ priceVersion, effectiveAt, prices, formulaVersion }: PricesPublishedData): PriceVersion {
  if (!FORMULA_VERSIONS.includes(formulaVersion))
    throw new Error(`${priceVersion} is priced by a formula not known here: ${formulaVersion}`);
  const table = priceTable(prices, formulaVersion);
  return { priceVersion, effectiveAt: instantFromText(effectiveAt), pricing: prices, prices: table, formulaVersion };
}

type PricesPublishedData = Extract<PricingEvent, { type: 'PricesPublished' }>['data'];
