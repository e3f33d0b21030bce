import { formatPrice, parsePrice, pico } from '../../kernel/credits.js';
import { PRICE_NAMES, type PriceName } from '../domain/pricing.events.js';
import type { PublishModel } from '../domain/publish-model.js';

type MillionPrices = Readonly<Partial<Record<PriceName, string>>>;

/** Prices as the providers list them, per million tokens, in the unit of the price book, per token. */
export function perMillion(prices: MillionPrices): Partial<Record<PriceName, string>> {
  const perToken: Partial<Record<PriceName, string>> = {};
  for (const name of PRICE_NAMES) {
    const listed = prices[name];
    if (listed === undefined) continue;
    const price = parsePrice(listed);
    if (price === undefined || price % 1_000_000n !== 0n) throw new Error(`finer than a pico-credit per token: ${listed}`);
    perToken[name] = formatPrice(pico(price / 1_000_000n));
  }
  return perToken;
}

/** The limit on an answer where the caller names none: room for a long one, and for thinking. What is held is counted with it. */
export const DEFAULT_ANSWER = 8_192;
export const DEFAULT_ANSWER_THINKING_IF_ASKED = 16_384;
export const DEFAULT_ANSWER_THINKING = 32_768;

/** Midnight of a day in unix seconds. */
export const day = (date: string): number => Date.parse(`${date}T00:00:00Z`) / 1000;

/** What models of one family share is given once. */
export type Shared = Pick<PublishModel['catalogue'], 'tokenizer' | 'inputModalities' | 'outputModalities'>;
