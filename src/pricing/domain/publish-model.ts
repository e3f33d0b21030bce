import { parsePrice } from '../../kernel/credits.js';
import { accept, type Decider, type Decision, type Rejection, reject } from '../../kernel/decider.js';
import { type Instant, instantToText } from '../../kernel/time.js';
import { evolveModel, type Model, unpublishedModel, versionInForce } from './model.js';
import {
  type ModelCatalogue,
  PRICE_NAMES,
  type PriceName,
  type PriceOverride,
  type PricesPublished,
  type PricingEvent,
  type PublishedPrices,
} from './pricing.events.js';

/** What an image costs at most where nobody says it: the most of any model known, so that no quote is too low. */
export const IMAGE_TOKENS_MAX_KNOWN = 48_169;

/** Says what a model is and what it costs; replaces what was said before. */
export interface PublishModel {
  readonly catalogue: Omit<ModelCatalogue, 'created'> & { readonly created?: number };
  readonly prices: StatedPrices;
  /** Now where absent. */
  readonly effectiveAt?: Instant;
}

/** Prices as somebody states them, not yet known to be whole. */
export type StatedPrices = Readonly<Partial<Record<PriceName, string>>> & { readonly overrides?: readonly PriceOverride[] };

export type PublishModelRejection =
  /** `prompt` and `completion` must be stated; "0" says that the model is free. */
  | { readonly reason: 'price_missing'; readonly field: string }
  /** Negative, finer than a pico-credit, or no decimal. */
  | { readonly reason: 'price_invalid'; readonly field: string }
  /** The tiers must rise, or it would not be clear which one lies over which. */
  | { readonly reason: 'overrides_out_of_order'; readonly field: string }
  | { readonly reason: 'effective_in_the_past'; readonly field: string };

export const publishModelDecider: Decider<PublishModel, Model, PricingEvent, PublishModelRejection & Rejection> = {
  initialState: unpublishedModel,
  decide,
  evolve: evolveModel,
};

function decide(command: PublishModel, model: Model, at: Instant): Decision<PricingEvent, PublishModelRejection> {
  const no = wrongPrice(command.prices);
  if (no) return reject(no);
  const effectiveAt = command.effectiveAt ?? at;
  const samePrices = sameContent(versionInForce(model, effectiveAt)?.pricing, command.prices);
  if (!samePrices && effectiveAt < at) return reject({ reason: 'effective_in_the_past', field: 'effective_at' });

  const created = command.catalogue.created ?? model.catalogue?.created ?? Math.floor(at / 1000);
  const catalogue: ModelCatalogue = { ...command.catalogue, created };
  const events: PricingEvent[] = [];
  if (!sameContent(model.catalogue, catalogue)) events.push({ type: 'ModelPublished', data: catalogue });
  if (!samePrices) events.push(pricesPublished(command, model, effectiveAt));
  return accept(...events);
}

const pricesPublished = ({ catalogue, prices }: PublishModel, model: Model, effectiveAt: Instant): PricesPublished => ({
  type: 'PricesPublished',
  data: {
    model: catalogue.id,
    priceVersion: `${catalogue.id}@${model.versions.length + 1}`,
    effectiveAt: instantToText(effectiveAt),
    prices: prices as PublishedPrices,
    formulaVersion: 'usage@1',
  },
});

function wrongPrice(prices: StatedPrices): PublishModelRejection | undefined {
  for (const name of ['prompt', 'completion'] as const) {
    if (prices[name] === undefined) return { reason: 'price_missing', field: `prices.${name}` };
  }
  const no = unpayable(prices, 'prices');
  if (no) return no;
  let before = 0;
  for (const [index, override] of (prices.overrides ?? []).entries()) {
    const field = `prices.overrides[${index}]`;
    if (override.min_prompt_tokens <= before) return { reason: 'overrides_out_of_order', field: `${field}.min_prompt_tokens` };
    before = override.min_prompt_tokens;
    const wrong = unpayable(override, field);
    if (wrong) return wrong;
  }
  return undefined;
}

function unpayable(prices: Readonly<Partial<Record<PriceName, string>>>, path: string): PublishModelRejection | undefined {
  const name = PRICE_NAMES.find((each) => prices[each] !== undefined && parsePrice(prices[each]) === undefined);
  return name && { reason: 'price_invalid', field: `${path}.${name}` };
}

/** Equal as JSON, whatever the order of members; an absent member equals an undefined one. */
function sameContent(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((name) => sameContent(left[name], right[name]));
}
