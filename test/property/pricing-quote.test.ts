import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type PriceVersion, PriceVersions, recomputeCost } from '../../src/audit/rules/account-audit-prices.js';
import { formatPrice, pico } from '../../src/kernel/credits.js';
import { PRICE_NAMES, type PriceOverride, type PublishedPrices, UTC_DAYS } from '../../src/pricing/domain/pricing.events.js';
import { INPUT_CLASSES, OUTPUT_CLASSES } from '../../src/pricing/domain/usage.js';
import { completionTokens, costOf, priceTable, promptTokens, quoteOf, type Usage } from '../../src/pricing/index.js';

const price = fc.bigInt({ min: 0n, max: 10n ** 9n }).map((value) => formatPrice(pico(value)));
const named = fc.record(Object.fromEntries(PRICE_NAMES.map((name) => [name, price])), { requiredKeys: [] });
const clock = fc.tuple(fc.nat({ max: 23 }), fc.nat({ max: 59 })).map(([hour, minute]) => hour * 100 + minute);
const window = fc.oneof(
  fc.constant({}),
  fc.record({ utc_days: fc.uniqueArray(fc.constantFrom(...UTC_DAYS), { minLength: 1 }) }),
  fc.record({ utc_start: clock, utc_end: clock }).filter(({ utc_start, utc_end }) => utc_start !== utc_end),
);
const override = fc.tuple(named, window, fc.option(fc.integer({ min: 1, max: 2_000 }), { nil: undefined })).map(
  ([prices, when, above]): PriceOverride => ({
    ...prices,
    ...when,
    ...(above === undefined ? {} : { min_prompt_tokens: above }),
  }),
);
const published = fc
  .tuple(named, price, price, fc.array(override, { maxLength: 4 }))
  .map(([prices, prompt, completion, overrides]): PublishedPrices => ({ ...prices, prompt, completion, overrides }));
const tokens: fc.Arbitrary<Usage> = fc.record(
  Object.fromEntries([...INPUT_CLASSES, ...OUTPUT_CLASSES].map((name) => [name, fc.nat({ max: 1_000 })])),
  { requiredKeys: [] },
);
const usage = fc
  .tuple(tokens, fc.nat({ max: 1 }), fc.nat({ max: 5 }))
  .map(([used, requests, web_searches]): Usage => ({ ...used, requests, web_searches }));
const moment = fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2027, 0, 1) });

test('no usage within the bounds of a quote costs more than the quote at its moment', () => {
  fc.assert(
    fc.property(published, usage, moment, fc.nat({ max: 3_000 }), fc.nat({ max: 3_000 }), (prices, used, at, spare, more) => {
      const table = priceTable(prices);
      const bounds = {
        promptTokensMax: promptTokens(used) + spare,
        completionTokensMax: completionTokens(used) + more,
        webSearchesMax: used.web_searches ?? 0,
      };
      const { rounded } = costOf(used, table, at);
      expect(quoteOf(bounds, table, at) >= rounded).toBe(true);
      expect(quoteOf({ ...bounds, outputImageTokensMax: used.output_image ?? 0 }, table, at) >= rounded).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('the auditor, which shares no code with it, comes to the same cost', () => {
  fc.assert(
    fc.property(published, usage, moment, (prices, used, at) => {
      const { exact, rounded, lines } = costOf(used, priceTable(prices), at);
      const versions = new PriceVersions();
      versions.publish({ priceVersion: 'm@1', formulaVersion: 'usage@2', prices }, 1n);
      const again = recomputeCost(
        used as Record<string, number>,
        versions.get('m@1') as PriceVersion,
        new Date(at).toISOString(),
      );
      expect([again.exact, again.rounded]).toEqual([exact, rounded]);
      expect(new Set(again.lines)).toEqual(new Set(lines));
    }),
    { numRuns: 500 },
  );
});

test('a cost is the sum of its lines, less than a nano-credit below what is paid', () => {
  fc.assert(
    fc.property(published, usage, moment, (prices, used, at) => {
      const { exact, rounded, lines } = costOf(used, priceTable(prices), at);
      expect(lines.reduce((sum, line) => sum + line.amount, 0n)).toBe(exact);
      expect(rounded * 1000n - exact).toBeGreaterThanOrEqual(0n);
      expect(rounded * 1000n - exact).toBeLessThan(1000n);
    }),
    { numRuns: 300 },
  );
});
