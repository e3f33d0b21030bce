import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatPrice, pico } from '../../src/kernel/credits.js';
import { PRICE_NAMES, type PublishedPrices } from '../../src/pricing/domain/pricing.events.js';
import {
  completionTokens,
  costOf,
  priceTable,
  promptTokens,
  quoteOf,
  USAGE_CLASSES,
  type Usage,
} from '../../src/pricing/index.js';

const price = fc.bigInt({ min: 0n, max: 10n ** 9n }).map((value) => formatPrice(pico(value)));
const named = fc.record(Object.fromEntries(PRICE_NAMES.map((name) => [name, price])), { requiredKeys: [] });
const bounds = fc.uniqueArray(fc.integer({ min: 1, max: 2_000 }), { maxLength: 3 }).map((all) => all.sort((a, b) => a - b));
const tiers = bounds.chain((above) =>
  fc.tuple(...above.map((min_prompt_tokens) => named.map((prices) => ({ ...prices, min_prompt_tokens })))),
);
const published = fc
  .tuple(named, price, price, tiers)
  .map(([prices, prompt, completion, overrides]): PublishedPrices => ({ ...prices, prompt, completion, overrides }));
const usage: fc.Arbitrary<Usage> = fc.record(Object.fromEntries(USAGE_CLASSES.map((name) => [name, fc.nat({ max: 1_000 })])), {
  requiredKeys: [],
});

test('no usage within the bounds of a quote costs more than the quote', () => {
  fc.assert(
    fc.property(published, usage, fc.nat({ max: 3_000 }), fc.nat({ max: 3_000 }), (prices, used, spare, more) => {
      const table = priceTable(prices);
      const quote = quoteOf(
        { promptTokensMax: promptTokens(used) + spare, completionTokensMax: completionTokens(used) + more },
        table,
      );
      expect(quote >= costOf(used, table).rounded).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('a cost is the sum of its lines, less than a nano-credit below what is paid', () => {
  fc.assert(
    fc.property(published, usage, (prices, used) => {
      const { exact, rounded, lines } = costOf(used, priceTable(prices));
      expect(lines.reduce((sum, line) => sum + line.amount, 0n)).toBe(exact);
      expect(rounded * 1000n - exact).toBeGreaterThanOrEqual(0n);
      expect(rounded * 1000n - exact).toBeLessThan(1000n);
    }),
    { numRuns: 300 },
  );
});
