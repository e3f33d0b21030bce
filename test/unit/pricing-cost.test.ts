import { describe, expect, test } from '@jest/globals';
import { costOf, costToJson, priceTable, quoteOf, type Usage } from '../../src/pricing/index.js';

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
  const one = { input_uncached: 1, cache_read: 1, cache_write_5m: 1, cache_write_1h: 1, input_audio: 1, input_image: 1 };
  const usage = { ...one, output_visible: 1, output_reasoning: 1, output_audio: 1 };
  const prices = (published: Parameters<typeof priceTable>[0]) =>
    costOf(usage, priceTable(published)).lines.map((line) => `${line.class} ${line.price}`);

  test('only prompt and completion are published', () => {
    expect(prices({ prompt: '0.000000000002', completion: '0.000000000007' })).toEqual([
      'input_uncached 2',
      'cache_read 2',
      'cache_write_5m 2',
      'cache_write_1h 2',
      'input_audio 2',
      'input_image 2',
      'output_visible 7',
      'output_reasoning 7',
      'output_audio 7',
    ]);
  });

  test('a cache write for an hour costs at least one for five minutes', () => {
    expect(prices({ prompt: '0.000000000002', completion: '0.000000000007', input_cache_write: '0.000000000003' })[3]).toBe(
      'cache_write_1h 3',
    );
  });

  test('every price is used where it is published', () => {
    const pico = (n: number) => `0.${String(n).padStart(12, '0')}`;
    const published = {
      prompt: pico(1),
      input_cache_read: pico(2),
      input_cache_write: pico(3),
      input_cache_write_1h: pico(4),
      audio: pico(5),
      image_token: pico(6),
      completion: pico(7),
      internal_reasoning: pico(8),
      audio_output: pico(9),
    };
    expect(prices(published).map((line) => line.split(' ')[1])).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9']);
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
