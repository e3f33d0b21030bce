/** What the book begins with: prices that can be charged, and how each model is told to think. */
import { describe, expect, test } from '@jest/globals';
import { costOf, type PublishedPrices, priceTable } from '../../src/pricing/index.js';
import { SEED_CATALOGUE } from '../../src/pricing/seed.js';

const find = (id: string) => {
  const found = SEED_CATALOGUE.find((each) => each.catalogue.id === id);
  if (!found) throw new Error(`there is no ${id}`);
  return found;
};

test('every model has a default for its output, no greater than its most', () => {
  for (const { catalogue } of SEED_CATALOGUE) {
    expect(catalogue.defaultCompletionTokens).toBeGreaterThan(0);
    expect(catalogue.defaultCompletionTokens).toBeLessThanOrEqual(catalogue.maxCompletionTokens);
  }
});

test('every model that thinks says by what it is told, and its default is one of its efforts', () => {
  const told = SEED_CATALOGUE.flatMap(({ catalogue: { id, reasoning } }) => (reasoning ? [[id, reasoning.control]] : []));
  expect(told.filter(([, control]) => control === undefined)).toEqual([]);
  for (const { catalogue } of SEED_CATALOGUE) {
    const { supportedEfforts, defaultEffort, control, supportsMaxTokens } = catalogue.reasoning ?? {};
    if (defaultEffort) expect(supportedEfforts).toContain(defaultEffort);
    if (control === 'budget') expect(supportsMaxTokens).toBe(true);
  }
});

test.each([
  ['openai/gpt-5.6-luna', 'effort'],
  ['openai/o4-mini', 'effort'],
  ['anthropic/claude-opus-4.5', 'budget'],
  ['anthropic/claude-opus-4.6', 'adaptive'],
  ['anthropic/claude-opus-5', 'adaptive'],
  ['google/gemini-2.5-pro', 'budget'],
  ['google/gemini-3-flash-preview', 'level'],
  ['deepseek/deepseek-reasoner', 'toggle'],
])('%s is told by %s', (id, control) => {
  expect(find(id).catalogue.reasoning?.control).toBe(control);
});

describe('Claude', () => {
  const sampling = ['temperature', 'top_p', 'top_k'];
  const about = (id: string) => {
    const { supportedParameters, reasoning } = find(`anthropic/claude-${id}`).catalogue;
    return [
      sampling.every((name) => supportedParameters.includes(name)),
      reasoning?.supportsMaxTokens,
      reasoning?.defaultEnabled,
    ];
  };

  test.each([
    ['opus-4.5', [true, true, false]],
    ['opus-4.6', [true, true, false]],
    ['sonnet-4.6', [true, true, false]],
    ['opus-4.7', [false, false, false]],
    ['sonnet-5', [false, false, true]],
    ['opus-5', [false, false, true]],
  ])('%s: sampling, a budget, thinking by default: %j', (id, expected) => {
    expect(about(id)).toEqual(expected);
  });

  test('writes its cache at 1.25 and 2 times the input, and reads it at a tenth', () => {
    const factors = SEED_CATALOGUE.filter(({ catalogue }) => catalogue.id.startsWith('anthropic/')).map(({ prices }) =>
      [prices.input_cache_write, prices.input_cache_write_1h, prices.input_cache_read].map((price) =>
        (Number(price) / Number(prices.prompt)).toFixed(4),
      ),
    );
    expect(new Set(factors.map((each) => each.join(' ')))).toEqual(new Set(['1.2500 2.0000 0.1000']));
  });
});

test('GPT-5.6 writes its cache at 1.25 times the input, and doubles it for a long prompt', () => {
  for (const tier of ['sol', 'terra', 'luna']) {
    const { prices } = find(`openai/gpt-5.6-${tier}`);
    const [long] = prices.overrides ?? [];
    const factor = (a?: string, b?: string) => (Number(a) / Number(b)).toFixed(3);
    expect([
      factor(prices.input_cache_write, prices.prompt),
      factor(long?.prompt, prices.prompt),
      factor(long?.input_cache_write, prices.input_cache_write),
      factor(long?.completion, prices.completion),
    ]).toEqual(['1.250', '2.000', '2.000', '1.500']);
  }
});

test('DeepSeek takes half outside of its peak hours', () => {
  const table = priceTable(find('deepseek/deepseek-chat').prices as PublishedPrices);
  const price = (time: string) => Number(costOf({ input_uncached: 1 }, table, Date.parse(time)).exact);
  const monday = ['00:59', '01:00', '03:59', '04:00', '05:59', '06:00', '09:59', '10:00', '23:59'];
  expect(monday.map((time) => price(`2026-11-23T${time}:30.000Z`) / 1_000)).toEqual([
    150, 300, 300, 150, 150, 300, 300, 150, 150,
  ]);
  expect(['2026-11-28T02:00:00.000Z', '2026-11-29T09:00:00.000Z', '2026-11-30T09:00:00.000Z'].map(price)).toEqual([
    150_000, 150_000, 300_000,
  ]);
});

test('an embedding costs its texts alone', () => {
  const embedding = SEED_CATALOGUE.filter(({ catalogue }) => catalogue.outputModalities.includes('embeddings'));
  expect(embedding.map(({ catalogue: { id }, prices }) => [id, prices.prompt, prices.completion])).toEqual([
    ['openai/text-embedding-3-small', '0.00000002', '0'],
    ['openai/text-embedding-3-large', '0.00000013', '0'],
    ['google/gemini-embedding-001', '0.00000015', '0'],
  ]);
});
