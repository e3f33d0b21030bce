import type { LateSettlementRecorded } from '../../src/accounts/domain/accounts.events.js';
import { nanoFromText, ZERO } from '../../src/kernel/credits.js';
import type { Counts } from './usage-tables.projection.js';

export const NOTHING_USED: Counts = {
  promptTokens: 0n,
  cachedTokens: 0n,
  completionTokens: 0n,
  reasoningTokens: 0n,
  cost: ZERO,
};

/** What a charge counts. Throws where a count is no integer: none that was charged is. */
export function countsOf({ cost, usage: { classes } }: Pick<LateSettlementRecorded['data'], 'cost' | 'usage'>): Counts {
  let [promptTokens, cachedTokens, completionTokens, reasoningTokens] = [0n, 0n, 0n, 0n];
  for (const name in classes) {
    const isCache = name.startsWith('cache_');
    if (isCache || name.startsWith('input_')) {
      const tokens = BigInt(classes[name] as number);
      promptTokens += tokens;
      if (isCache && name.startsWith('cache_read')) cachedTokens += tokens;
    } else if (name.startsWith('output_')) {
      const tokens = BigInt(classes[name] as number);
      completionTokens += tokens;
      if (name === 'output_reasoning') reasoningTokens += tokens;
    }
  }
  return { promptTokens, cachedTokens, completionTokens, reasoningTokens, cost: nanoFromText(cost.rounded) };
}
