import { type PicoCredits, parsePrice } from '../../kernel/credits.js';
import { PRICE_NAMES, type PriceName, type PublishedPrices } from './pricing.events.js';
import { INPUT_CLASSES, OUTPUT_CLASSES, USAGE_CLASSES, type UsageClass } from './usage.js';

/**
 * Published prices, parsed: what a token of each class costs, by length of the prompt. Made once per price version.
 * The first tier is the base; each further one applies where the prompt has more than `above` tokens, the last such wins.
 */
export interface PriceTable {
  readonly tiers: readonly [PriceTier, ...PriceTier[]];
}

export interface PriceTier {
  readonly above: number;
  readonly perToken: Readonly<Record<UsageClass, PicoCredits>>;
  /** What the dearest class of the prompt and of the answer costs: a quote cannot know the classes. */
  readonly dearestInput: PicoCredits;
  readonly dearestOutput: PicoCredits;
}

/** The price of each class: the first of these that the model has. A class without a price of its own is never free. */
const PRICED_BY: Readonly<Record<UsageClass, readonly PriceName[]>> = {
  input_uncached: ['prompt'],
  cache_read: ['input_cache_read', 'prompt'],
  cache_write_5m: ['input_cache_write', 'prompt'],
  cache_write_1h: ['input_cache_write_1h', 'input_cache_write', 'prompt'],
  input_audio: ['audio', 'prompt'],
  input_image: ['image_token', 'prompt'],
  output_visible: ['completion'],
  output_reasoning: ['internal_reasoning', 'completion'],
  output_audio: ['audio_output', 'completion'],
};

type Parsed = Partial<Record<PriceName, PicoCredits>>;

/** Parses prices that the book holds; throws where they are none, since a publication is checked before. */
export function priceTable(published: PublishedPrices): PriceTable {
  let prices = parsed(published);
  const base = tier(0, prices);
  const longer = (published.overrides ?? []).map((override) => {
    prices = { ...prices, ...parsed(override) };
    return tier(override.min_prompt_tokens, prices);
  });
  return { tiers: [base, ...longer] };
}

/** The tier that a prompt of this many tokens is priced by. */
export const tierFor = (prices: PriceTable, promptTokens: number): PriceTier =>
  prices.tiers.findLast((each) => promptTokens > each.above) ?? prices.tiers[0];

function tier(above: number, prices: Parsed): PriceTier {
  const perToken = Object.fromEntries(USAGE_CLASSES.map((name) => [name, priceOfClass(name, prices)])) as PriceTier['perToken'];
  const dearest = (classes: readonly UsageClass[]) => classes.map((name) => perToken[name]).reduce((a, b) => (a > b ? a : b));
  return { above, perToken, dearestInput: dearest(INPUT_CLASSES), dearestOutput: dearest(OUTPUT_CLASSES) };
}

function priceOfClass(name: UsageClass, prices: Parsed): PicoCredits {
  for (const candidate of PRICED_BY[name]) {
    const price = prices[candidate];
    if (price !== undefined) return price;
  }
  throw new Error(`no price for ${name}`);
}

function parsed(published: Readonly<Partial<Record<PriceName, string>>>): Parsed {
  const prices: Parsed = {};
  for (const name of PRICE_NAMES) {
    const text = published[name];
    if (text === undefined) continue;
    const price = parsePrice(text);
    if (price === undefined) throw new Error(`the price ${name} is no price: ${text}`);
    prices[name] = price;
  }
  return prices;
}
