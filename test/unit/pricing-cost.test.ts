import { describe, expect, test } from '@jest/globals';
import { PRICE_NAMES, type PriceOverride } from '../../src/pricing/domain/pricing.events.js';
import {
  completionTokens,
  costOf,
  costToJson,
  pricedAtFact,
  priceTable,
  promptTokens,
  quoteOf,
  USAGE_CLASSES,
  type Usage,
  withRequest,
} from '../../src/pricing/index.js';

const million = (prompt: string, completion: string) => ({ prompt, completion });

describe('a cost is tokens × price, exact, rounded up once', () => {
  test('G5: 1234 in at 3.00, 567 out at 15.00, 8000 cached at 0.30 per million', () => {
    const prices = priceTable({ prompt: '0.000003', completion: '0.000015', input_cache_read: '0.0000003' });
    expect(costToJson(costOf({ input_uncached: 1234, output_visible: 567, cache_read: 8000 }, prices))).toEqual({
      exact: '14607000000',
      rounded: '14607000',
      lines: [
        { class: 'input_uncached', tokens: 1234, price: '3000000', amount: '3702000000' },
        { class: 'cache_read', tokens: 8000, price: '300000', amount: '2400000000' },
        { class: 'output_visible', tokens: 567, price: '15000000', amount: '8505000000' },
      ],
    });
  });

  test('the sum is rounded, not each line', () => {
    const { exact, rounded } = costOf(
      { input_uncached: 1, output_visible: 1 },
      priceTable(million('0.0000000004', '0.0000000004')),
    );
    expect([exact, rounded]).toEqual([800n, 1n]);
  });

  test('nothing used costs nothing and has no lines', () => {
    expect(costOf({ cache_read: 0 }, priceTable(million('1', '1')))).toEqual({ exact: 0n, rounded: 0n, lines: [] });
  });

  test.each([
    ['a class that has no price', { input_video: 1 }],
    ['a part of a token', { input_uncached: 0.5 }],
    ['less than nothing', { input_uncached: -1 }],
    ['no number', { input_uncached: Number.NaN }],
  ])('%s is refused, never left out', (_, usage) => {
    expect(() => costOf(usage as Usage, priceTable(million('0', '0')))).toThrow(RangeError);
  });
});

describe('a class without a price of its own takes the one that does not undercharge', () => {
  const usage = Object.fromEntries(USAGE_CLASSES.map((name) => [name, 1]));
  const prices = (published: Parameters<typeof priceTable>[0]) =>
    costOf(usage, priceTable(published)).lines.map((line) => `${line.class} ${line.price}`);

  test('only prompt and completion are published', () => {
    expect(prices({ prompt: '0.000000000002', completion: '0.000000000007' })).toEqual([
      'input_uncached 2',
      'cache_read 2',
      'cache_read_audio 2',
      'cache_write_5m 2',
      'cache_write_1h 2',
      'input_audio 2',
      'input_image 2',
      'output_visible 7',
      'output_reasoning 7',
      'output_audio 7',
      'output_image 7',
      'requests 0',
      'web_searches 0',
    ]);
  });

  test('a cache write for an hour costs at least one for five minutes', () => {
    expect(prices({ prompt: '0.000000000002', completion: '0.000000000007', input_cache_write: '0.000000000003' })[4]).toBe(
      'cache_write_1h 3',
    );
  });

  test.each([
    ['like audio', { audio: '0.000000000005' }, 5],
    ['like the cache, where audio costs what text does', { input_cache_read: '0.000000000001' }, 1],
    ['like audio, where both are published', { audio: '0.000000000005', input_cache_read: '0.000000000001' }, 5],
    ['by its own price', { audio: '0.000000000005', input_audio_cache: '0.000000000003' }, 3],
  ])('cached audio is priced %s', (_, published, price) => {
    expect(prices({ prompt: '0.000000000002', completion: '0.000000000007', ...published })[2]).toBe(`cache_read_audio ${price}`);
  });

  test('every price is used where it is published', () => {
    const pico = (n: number) => `0.${String(n).padStart(12, '0')}`;
    const published = Object.fromEntries(PRICE_NAMES.map((name, index) => [name, pico(index + 1)]));
    const used = prices(published as unknown as Parameters<typeof priceTable>[0]).map((line) => Number(line.split(' ')[1]));
    expect(used.sort((a, b) => a - b)).toEqual(PRICE_NAMES.map((_, index) => index + 1));
  });
});

describe('a long prompt is priced by its tier, all of it', () => {
  const prices = priceTable({
    prompt: '0.00000125',
    completion: '0.00001',
    input_cache_read: '0.000000125',
    overrides: [
      { min_prompt_tokens: 200_000, prompt: '0.0000025', completion: '0.000015' },
      { min_prompt_tokens: 500_000, prompt: '0.000005' },
    ],
  });
  const perToken = (usage: Parameters<typeof costOf>[0]) => costOf(usage, prices).lines.map((line) => String(line.price));

  test('the tier begins above its bound', () => {
    expect(perToken({ input_uncached: 200_000, output_visible: 1 })).toEqual(['1250000', '10000000']);
    expect(perToken({ input_uncached: 200_001, output_visible: 1 })).toEqual(['2500000', '15000000']);
  });

  test('cached tokens count for the length, and keep the base price where the tier names none', () => {
    expect(perToken({ input_uncached: 1, cache_read: 200_000 })).toEqual(['2500000', '125000']);
  });

  test('a higher tier lies over a lower one', () => {
    expect(perToken({ input_uncached: 500_001, output_visible: 1 })).toEqual(['5000000', '15000000']);
  });

  test('the quote takes the tier that the prompt may reach', () => {
    expect(quoteOf({ promptTokensMax: 200_000, completionTokensMax: 0 }, prices)).toBe(250_000_000n);
    expect(quoteOf({ promptTokensMax: 200_001, completionTokensMax: 0 }, prices)).toBe(500_002_500n);
  });
});

test('a quote expects every token to be of the dearest class', () => {
  const prices = priceTable({
    prompt: '0.000003',
    completion: '0.00001',
    input_cache_write_1h: '0.000006',
    internal_reasoning: '0.00002',
  });
  expect(quoteOf({ promptTokensMax: 10, completionTokensMax: 10 }, prices)).toBe(260_000n);
});

describe('fees', () => {
  const prices = priceTable({
    prompt: '0.000001',
    completion: '0.000002',
    request: '0.005',
    web_search: '0.01',
    image_output: '0.00003',
    overrides: [{ min_prompt_tokens: 100, request: '0.006' }],
  });

  test('are charged by the call and by the search, exactly, beside the tokens', () => {
    const usage = { input_uncached: 100, output_image: 10, requests: 1, web_searches: 3 };
    expect(costToJson(costOf(usage, prices))).toEqual({
      exact: '35400000000',
      rounded: '35400000',
      lines: [
        { class: 'input_uncached', tokens: 100, price: '1000000', amount: '100000000' },
        { class: 'output_image', tokens: 10, price: '30000000', amount: '300000000' },
        { class: 'requests', tokens: 1, price: '5000000000', amount: '5000000000' },
        { class: 'web_searches', tokens: 3, price: '10000000000', amount: '30000000000' },
      ],
    });
  });

  test('are no tokens: they make no prompt longer', () => {
    const usage: Usage = { input_uncached: 100, output_visible: 7, requests: 1, web_searches: 50 };
    expect([promptTokens(usage), completionTokens(usage)]).toEqual([100, 7]);
    expect(costOf(usage, prices).lines.map(({ price }) => price)).toContain(5_000_000_000n);
  });

  test('a request is counted where it costs something', () => {
    expect(withRequest({ input_uncached: 1 }, prices)).toEqual({ input_uncached: 1, requests: 1 });
    expect(withRequest({ input_uncached: 1 }, priceTable(million('1', '1')))).toEqual({ input_uncached: 1 });
    const nightly = { ...million('1', '1'), request: '0', overrides: [{ utc_start: 0, utc_end: 600, request: '1' }] };
    expect(withRequest({}, priceTable(nightly))).toEqual({ requests: 1 });
  });

  test('a quote holds one request, the searches that may be made, and the images that may be drawn', () => {
    const bounds = { promptTokensMax: 100, completionTokensMax: 1_000 };
    expect(quoteOf({ ...bounds, outputImageTokensMax: 0 }, prices)).toBe(100_000n + 2_000_000n + 5_000_000n);
    expect(quoteOf({ ...bounds, outputImageTokensMax: 10, webSearchesMax: 2 }, prices)).toBe(
      100_000n + 1_980_000n + 300_000n + 5_000_000n + 20_000_000n,
    );
    expect(quoteOf(bounds, prices)).toBe(100_000n + 30_000_000n + 5_000_000n);
    expect(quoteOf({ ...bounds, promptTokensMax: 101, outputImageTokensMax: 0 }, prices)).toBe(
      101_000n + 2_000_000n + 6_000_000n,
    );
  });
});

describe('a price by the time of day', () => {
  const base = { prompt: '0.000000000008', completion: '0.000000000008' };
  /** 2026-11-23 is a Monday. */
  const at = (time: string, day = '2026-11-23') => Date.parse(`${day}T${time}Z`);
  const priceAt = (overrides: readonly PriceOverride[], ...when: number[]) => {
    const table = priceTable({ ...base, overrides });
    return when.map((moment) => Number(costOf({ input_uncached: 1 }, table, moment).exact));
  };

  test('holds from its start to before its end', () => {
    const half = [{ utc_start: 130, utc_end: 1000, prompt: '0.000000000004' }];
    const times = ['01:29:59.999', '01:30:00.000', '09:59:59.999', '10:00:00.000'].map((time) => at(time));
    expect(priceAt(half, ...times)).toEqual([8, 4, 4, 8]);
  });

  test('may wrap midnight', () => {
    const half = [{ utc_start: 1630, utc_end: 30, prompt: '0.000000000004' }];
    const times = ['16:29', '16:30', '23:59', '00:00', '00:29', '00:30'].map((time) => at(`${time}:00.000`));
    expect(priceAt(half, ...times)).toEqual([8, 4, 4, 4, 4, 8]);
  });

  test('may end at midnight', () => {
    const half = [{ utc_start: 2300, utc_end: 0, prompt: '0.000000000004' }];
    expect(priceAt(half, at('22:59:59.999'), at('23:59:59.999'), at('00:00:00.000'))).toEqual([8, 4, 8]);
  });

  test('may hold on some days only, or for whole days', () => {
    const weekend: PriceOverride = { utc_days: ['saturday', 'sunday'], prompt: '0.000000000001' };
    const nights: PriceOverride = { utc_days: ['friday'], utc_start: 2200, utc_end: 200, prompt: '0.000000000004' };
    const friday = ['01:59', '02:00', '22:00', '23:59'].map((time) => at(`${time}:00.000`, '2026-11-27'));
    const others = [at('00:00:00.000', '2026-11-28'), at('23:59:59.999', '2026-11-29'), at('00:00:00.000', '2026-11-30')];
    expect(priceAt([nights, weekend], ...friday, ...others)).toEqual([4, 8, 4, 4, 1, 1, 8]);
  });

  test('of the overrides that hold the later one wins, price by price', () => {
    const table = priceTable({
      ...base,
      overrides: [
        { utc_start: 0, utc_end: 1200, prompt: '0.000000000004', completion: '0.000000000003' },
        { min_prompt_tokens: 10, prompt: '0.000000000009' },
        { utc_start: 600, utc_end: 1200, min_prompt_tokens: 10, prompt: '0.000000000005' },
      ],
    });
    const exact = (tokens: number, time: string) => {
      const { lines } = costOf({ input_uncached: tokens, output_visible: 1 }, table, at(time));
      return lines.map(({ price }) => Number(price));
    };
    expect([exact(10, '07:00:00.000'), exact(11, '05:00:00.000'), exact(11, '07:00:00.000'), exact(11, '12:00:00.000')]).toEqual([
      [4, 3],
      [9, 3],
      [5, 3],
      [9, 8],
    ]);
  });

  test('a quote is of its moment alone, and of every length that a prompt may have then', () => {
    const table = priceTable({
      ...base,
      overrides: [
        { utc_start: 0, utc_end: 1200, prompt: '0.000000001' },
        { min_prompt_tokens: 10, prompt: '0.000000002' },
        { utc_start: 1300, utc_end: 1400, prompt: '0.001' },
      ],
    });
    const quote = (promptTokensMax: number, time: string) =>
      quoteOf({ promptTokensMax, completionTokensMax: 0 }, table, at(time));
    expect([quote(10, '07:00:00.000'), quote(11, '07:00:00.000'), quote(1_000, '12:00:00.000')]).toEqual([10n, 22n, 2_000n]);
  });

  test('without a moment it is refused, and elsewhere a moment changes nothing and is no fact', () => {
    const table = priceTable({ ...base, overrides: [{ utc_start: 0, utc_end: 1 }] });
    const flat = priceTable({ ...base, overrides: [{ min_prompt_tokens: 5 }] });
    expect(() => costOf({}, table)).toThrow(RangeError);
    expect(() => costOf({}, table, Number.NaN)).toThrow(RangeError);
    expect(() => quoteOf({ promptTokensMax: 0, completionTokensMax: 0 }, table)).toThrow(RangeError);
    expect(costOf({ input_uncached: 1 }, flat, at('00:00:00.000'))).toEqual(costOf({ input_uncached: 1 }, flat));
    expect([pricedAtFact(table, at('00:00:00.000')), pricedAtFact(flat, at('00:00:00.000'))]).toEqual([
      { pricedAt: '2026-11-23T00:00:00.000Z' },
      {},
    ]);
  });
});
