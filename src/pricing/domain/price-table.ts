import { type PicoCredits, parsePrice, pico } from '../../kernel/credits.js';
import type { Instant } from '../../kernel/time.js';
import { changes, hasWindow, isWithin, minuteOfWeek } from './price-window.js';
import {
  CURRENT_FORMULA,
  type FormulaVersion,
  PRICE_NAMES,
  PRICE_NAMES_1,
  type PriceName,
  type PriceOverride,
  type PublishedPrices,
} from './pricing.events.js';
import { INPUT_CLASSES, OUTPUT_CLASSES, USAGE_CLASSES, type UsageClass } from './usage.js';

/**
 * Published prices, parsed and laid over one another: what a unit of each class costs, by the time of the week and the length of
 * the prompt. Made once per price version.
 */
export interface PriceTable {
  /** Whether a price depends on the time: then a cost and a quote need the moment that they are priced at. */
  readonly hasWindows: boolean;
  /** Whether a call costs something by itself. */
  readonly hasRequestFee: boolean;
  /** Parts of the week, ascending; one where the time does not matter. */
  readonly periods: readonly [PricePeriod, ...PricePeriod[]];
}

/** From a minute of the week until the next period: the base, and a tier for each length from which on prompts cost otherwise. */
export interface PricePeriod {
  readonly from: number;
  readonly tiers: readonly [PriceTier, ...PriceTier[]];
}

export interface PriceTier {
  /** It prices prompts of more tokens than this, and the base those of any length: the last such tier counts. */
  readonly above: number;
  readonly perUnit: Readonly<Record<UsageClass, PicoCredits>>;
  /** What the dearest class of the prompt costs, and of the answer apart from images: a quote cannot know the classes. */
  readonly dearestInput: PicoCredits;
  readonly dearestOutput: PicoCredits;
}

/** The price of each class: the first of these that the model has. A class of tokens without a price of its own is never free. */
const PRICED_BY: Readonly<Record<UsageClass, readonly PriceName[]>> = {
  input_uncached: ['prompt'],
  cache_read: ['input_cache_read', 'prompt'],
  cache_read_audio: ['input_audio_cache', 'audio', 'input_cache_read', 'prompt'],
  cache_write_5m: ['input_cache_write', 'prompt'],
  cache_write_1h: ['input_cache_write_1h', 'input_cache_write', 'prompt'],
  input_audio: ['audio', 'prompt'],
  input_image: ['image_token', 'prompt'],
  output_visible: ['completion'],
  output_reasoning: ['internal_reasoning', 'completion'],
  output_audio: ['audio_output', 'completion'],
  output_image: ['image_output', 'completion'],
  requests: ['request'],
  web_searches: ['web_search'],
};
/** Fees: who publishes none asks for none. */
const FREE_WHERE_UNPUBLISHED: ReadonlySet<UsageClass> = new Set(['requests', 'web_searches']);

const NAMES_OF: Readonly<Record<FormulaVersion, readonly PriceName[]>> = { 'usage@1': PRICE_NAMES_1, 'usage@2': PRICE_NAMES };

type Parsed = Partial<Record<PriceName, PicoCredits>>;
type ParsedOverride = { readonly conditions: PriceOverride; readonly prices: Parsed };

/**
 * Parses prices that the book holds; throws where they are none, since a publication is checked before.
 * @param formula by which they were published: the names that it does not know are no prices
 */
export function priceTable(published: PublishedPrices, formula: FormulaVersion = CURRENT_FORMULA): PriceTable {
  const names = NAMES_OF[formula];
  const base = parsed(published, names);
  const overrides = (published.overrides ?? []).map((each) => ({ conditions: each, prices: parsed(each, names) }));
  const windows = overrides.map(({ conditions }) => conditions).filter(hasWindow);
  /** A week has many periods and few combinations of overrides. */
  const known = new Map<string, PricePeriod['tiers']>();
  const tiersAt = (minute: number) => {
    const holding = overrides.filter(({ conditions }) => isWithin(conditions, minute));
    const key = holding.map((each) => overrides.indexOf(each)).join();
    const tiers = known.get(key) ?? tiersOf(base, holding);
    known.set(key, tiers);
    return tiers;
  };
  const hasWindows = windows.length > 0;
  const begins = hasWindows ? changes(windows) : [0];
  const periods = begins.map((from) => ({ from, tiers: tiersAt(from) })) as [PricePeriod, ...PricePeriod[]];
  const hasRequestFee = periods.some(({ tiers }) => tiers.some(({ perUnit }) => perUnit.requests > 0n));
  return { hasWindows, hasRequestFee, periods };
}

/**
 * The tiers in force at a moment.
 * @throws RangeError where the price depends on the time and none is given: a guess would be a wrong price
 */
export function tiersFor({ hasWindows, periods }: PriceTable, pricedAt: Instant | undefined): PricePeriod['tiers'] {
  if (!hasWindows) return periods[0].tiers;
  if (pricedAt === undefined || !Number.isFinite(pricedAt)) throw new RangeError('a price by the time of day needs a moment');
  const minute = minuteOfWeek(pricedAt);
  let [low, high] = [0, periods.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((periods[middle] as PricePeriod).from <= minute) low = middle;
    else high = middle - 1;
  }
  return (periods[low] as PricePeriod).tiers;
}

/** The tier that a prompt of this many tokens is priced by. */
export function tierFor(tiers: PricePeriod['tiers'], promptTokens: number): PriceTier {
  for (let index = tiers.length - 1; index > 0; index--) {
    const tier = tiers[index] as PriceTier;
    if (promptTokens > tier.above) return tier;
  }
  return tiers[0];
}

/** One tier for each length at which another override begins to hold; each override lies over those before it in the list. */
function tiersOf(base: Parsed, overrides: readonly ParsedOverride[]): PricePeriod['tiers'] {
  const lengths = overrides.flatMap(({ conditions }) => conditions.min_prompt_tokens ?? []);
  const tierAbove = (above: number) => {
    const holding = overrides.filter(({ conditions }) => (conditions.min_prompt_tokens ?? 0) <= above);
    return tier(above, Object.assign({}, base, ...holding.map(({ prices }) => prices)));
  };
  const longer = [...new Set(lengths)].filter((length) => length > 0).sort((a, b) => a - b);
  return [tierAbove(0), ...longer.map(tierAbove)];
}

function tier(above: number, prices: Parsed): PriceTier {
  const perUnit = Object.fromEntries(USAGE_CLASSES.map((name) => [name, priceOfClass(name, prices)])) as PriceTier['perUnit'];
  const dearest = (classes: readonly UsageClass[]) => classes.map((name) => perUnit[name]).reduce((a, b) => (a > b ? a : b));
  const dearestOutput = dearest(OUTPUT_CLASSES.filter((name) => name !== 'output_image'));
  return { above, perUnit, dearestInput: dearest(INPUT_CLASSES), dearestOutput };
}

function priceOfClass(name: UsageClass, prices: Parsed): PicoCredits {
  for (const candidate of PRICED_BY[name]) {
    const price = prices[candidate];
    if (price !== undefined) return price;
  }
  if (FREE_WHERE_UNPUBLISHED.has(name)) return pico(0n);
  throw new Error(`no price for ${name}`);
}

function parsed(published: Readonly<Partial<Record<PriceName, string>>>, names: readonly PriceName[]): Parsed {
  const prices: Parsed = {};
  for (const name of names) {
    const text = published[name];
    if (text === undefined) continue;
    const price = parsePrice(text);
    if (price === undefined) throw new Error(`the price ${name} is no price: ${text}`);
    prices[name] = price;
  }
  return prices;
}
