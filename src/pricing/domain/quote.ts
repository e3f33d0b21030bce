import { type NanoCredits, pico, roundUpToNano } from '../../kernel/credits.js';
import type { Instant } from '../../kernel/time.js';
import { type PriceTable, tiersFor } from './price-table.js';

/** The most that a call can use. */
export interface TokenBounds {
  readonly promptTokensMax: number;
  readonly completionTokensMax: number;
  /** How many of the completion tokens may be those of images. Absent: all. */
  readonly outputImageTokensMax?: number;
  /** Absent: none. */
  readonly webSearchesMax?: number;
}

/**
 * The most that a call within these bounds can cost where it is priced at `at`: each token at the dearest price of its side (a cache
 * write may be dearer than the prompt), in the dearest of the tiers that a prompt up to the bound can fall into, and the fees of one
 * request. Throws a RangeError where the price depends on the time and `at` is missing.
 */
export function quoteOf(bounds: TokenBounds, prices: PriceTable, at?: Instant): NanoCredits {
  const { promptTokensMax, completionTokensMax, outputImageTokensMax = completionTokensMax, webSearchesMax = 0 } = bounds;
  const prompt = BigInt(promptTokensMax);
  const images = BigInt(Math.min(outputImageTokensMax, completionTokensMax));
  const completion = BigInt(completionTokensMax);
  let most = 0n;
  for (const { above, perUnit, dearestInput, dearestOutput } of tiersFor(prices, at)) {
    if (above > 0 && promptTokensMax <= above) continue;
    const dearerImage = perUnit.output_image > dearestOutput ? perUnit.output_image - dearestOutput : 0n;
    const fees = perUnit.requests + BigInt(webSearchesMax) * perUnit.web_searches;
    const cost = prompt * dearestInput + completion * dearestOutput + images * dearerImage + fees;
    if (cost > most) most = cost;
  }
  return roundUpToNano(pico(most));
}
