import { type NanoCredits, pico, roundUpToNano } from '../../kernel/credits.js';
import type { PriceTable } from './price-table.js';

export interface TokenBounds {
  readonly promptTokensMax: number;
  readonly completionTokensMax: number;
}

/**
 * The most that a call within these bounds can cost: each token at the dearest price of its side (a cache write may be dearer
 * than the prompt), in the dearest of the tiers that a prompt up to the bound can fall into.
 */
export function quoteOf({ promptTokensMax, completionTokensMax }: TokenBounds, prices: PriceTable): NanoCredits {
  const prompt = BigInt(promptTokensMax);
  const completion = BigInt(completionTokensMax);
  let most = 0n;
  for (const [index, tier] of prices.tiers.entries()) {
    if (index > 0 && promptTokensMax <= tier.above) continue;
    const cost = prompt * tier.dearestInput + completion * tier.dearestOutput;
    if (cost > most) most = cost;
  }
  return roundUpToNano(pico(most));
}
