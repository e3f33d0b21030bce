import { parsePrice } from '../../kernel/credits.js';
import { accept, type Decider, type Decision, type Rejection, reject } from '../../kernel/decider.js';
import { type Instant, instantToText } from '../../kernel/time.js';
import { evolveModel, type Model, unpublishedModel, versionInForce } from './model.js';
import { hasWindow, isClock } from './price-window.js';
import {
  CURRENT_FORMULA,
  type ModelCatalogue,
  PRICE_NAMES,
  type PriceConditions,
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
  /** For the same hours a later override is one for longer prompts: it would hide the one before it otherwise. */
  | { readonly reason: 'overrides_out_of_order'; readonly field: string }
  /** An override without a condition would be the base. */
  | { readonly reason: 'override_unconditional'; readonly field: string }
  /** No time of day as HHMM, one without the other, or a window that never opens. */
  | { readonly reason: 'window_invalid'; readonly field: string }
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
    formulaVersion: CURRENT_FORMULA,
  },
});

function wrongPrice(prices: StatedPrices): PublishModelRejection | undefined {
  for (const name of ['prompt', 'completion'] as const) {
    if (prices[name] === undefined) return { reason: 'price_missing', field: `prices.${name}` };
  }
  const no = unpayable(prices, 'prices');
  if (no) return no;
  const longest = new Map<string, number>();
  for (const [index, override] of (prices.overrides ?? []).entries()) {
    const field = `prices.overrides[${index}]`;
    const wrong = wrongConditions(override, field) ?? unpayable(override, field);
    if (wrong) return wrong;
    const { min_prompt_tokens: above = 0 } = override;
    const hours = JSON.stringify([override.utc_start, override.utc_end, [...(override.utc_days ?? [])].sort()]);
    if (above <= (longest.get(hours) ?? -1)) return { reason: 'overrides_out_of_order', field: `${field}.min_prompt_tokens` };
    longest.set(hours, above);
  }
  return undefined;
}

function wrongConditions(override: PriceConditions, field: string): PublishModelRejection | undefined {
  const { min_prompt_tokens, utc_start, utc_end, utc_days } = override;
  const [start, end] = [`${field}.utc_start`, `${field}.utc_end`];
  if (utc_days?.length === 0) return { reason: 'override_unconditional', field: `${field}.utc_days` };
  if (utc_start !== undefined && !isClock(utc_start)) return { reason: 'window_invalid', field: start };
  if (utc_end !== undefined && !isClock(utc_end)) return { reason: 'window_invalid', field: end };
  if ((utc_start === undefined) !== (utc_end === undefined))
    return { reason: 'window_invalid', field: utc_start === undefined ? start : end };
  if (utc_start !== undefined && utc_start === utc_end) return { reason: 'window_invalid', field: end };
  if (min_prompt_tokens === undefined && !hasWindow(override)) return { reason: 'override_unconditional', field };
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
