import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { completionTokens, promptTokens } from '../../src/pricing/index.js';
import { reportedUsage } from '../../src/providers/openai/usage.js';

const read = (raw: unknown) => {
  const { usage, anomalies } = reportedUsage(raw) ?? { usage: {}, anomalies: ['none'] };
  return [usage, anomalies];
};

describe('usage in classes that do not overlap', () => {
  test('OpenAI: cached, written, heard, reasoned and spoken tokens are parts of the totals', () => {
    expect(
      read({
        prompt_tokens: 100,
        completion_tokens: 50,
        total_tokens: 150,
        prompt_tokens_details: { cached_tokens: 40, cache_write_tokens: 10, audio_tokens: 5 },
        completion_tokens_details: {
          reasoning_tokens: 20,
          audio_tokens: 3,
          accepted_prediction_tokens: 1,
          rejected_prediction_tokens: 9,
        },
      }),
    ).toEqual([
      {
        ...{ input_uncached: 45, cache_read: 40, cache_write_5m: 10, input_audio: 5 },
        ...{ output_visible: 27, output_reasoning: 20, output_audio: 3 },
      },
      [],
    ]);
  });

  test('DeepSeek: hits of the cache', () => {
    expect(read({ prompt_tokens: 10, completion_tokens: 2, prompt_cache_hit_tokens: 6, prompt_cache_miss_tokens: 4 })).toEqual([
      { input_uncached: 4, cache_read: 6, output_visible: 2 },
      [],
    ]);
  });

  test.each([undefined, null, 7, 'x'])('%j is none', (raw) => {
    expect(reportedUsage(raw)).toBeUndefined();
  });

  test('an explicit zero is a figure', () => {
    expect(read({ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, prompt_tokens_details: null })).toEqual([
      { input_uncached: 0, output_visible: 0 },
      [],
    ]);
  });
});

describe('figures that cannot be right', () => {
  test.each<[string, object, object, string[]]>([
    ['missing totals', {}, {}, ['prompt_tokens:missing', 'completion_tokens:missing']],
    ['a negative total', { prompt_tokens: -5, completion_tokens: 1 }, { output_visible: 1 }, ['prompt_tokens:negative']],
    ['a huge total', { prompt_tokens: 5, completion_tokens: 1e12 }, { input_uncached: 5 }, ['completion_tokens:huge']],
    [
      'an infinite total',
      { prompt_tokens: 5, completion_tokens: Number.POSITIVE_INFINITY },
      { input_uncached: 5 },
      ['completion_tokens:huge'],
    ],
    ['NaN', { prompt_tokens: Number.NaN, completion_tokens: 1 }, { output_visible: 1 }, ['prompt_tokens:not_a_number']],
    ['text', { prompt_tokens: '5', completion_tokens: 1 }, { output_visible: 1 }, ['prompt_tokens:not_a_number']],
    [
      'a fraction',
      { prompt_tokens: 4.2, completion_tokens: 1 },
      { input_uncached: 5, output_visible: 1 },
      ['prompt_tokens:fractional'],
    ],
    [
      'a contradicting total',
      { prompt_tokens: 5, completion_tokens: 1, total_tokens: 7 },
      { input_uncached: 5, output_visible: 1 },
      ['total_tokens:contradicts'],
    ],
    [
      'more cached than sent: not believed',
      { prompt_tokens: 5, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 6 } },
      { input_uncached: 5, output_visible: 1 },
      ['cached_tokens:exceeds'],
    ],
    [
      'negative cached',
      { prompt_tokens: 5, completion_tokens: 1, prompt_tokens_details: { cached_tokens: -6 } },
      { input_uncached: 5, output_visible: 1 },
      ['cached_tokens:negative'],
    ],
    [
      'more written than sent: cut to it',
      { prompt_tokens: 5, completion_tokens: 1, prompt_tokens_details: { cache_write_tokens: 6 } },
      { input_uncached: 0, cache_write_5m: 5, output_visible: 1 },
      ['cache_write_tokens:exceeds'],
    ],
    [
      'cached and heard overlap: the dearer counts',
      { prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 8, audio_tokens: 4 } },
      { input_uncached: 0, cache_read: 6, input_audio: 4, output_visible: 1 },
      ['cached_tokens:exceeds'],
    ],
    [
      'more reasoned than said',
      { prompt_tokens: 1, completion_tokens: 5, completion_tokens_details: { reasoning_tokens: 9 } },
      { input_uncached: 1, output_visible: 5 },
      ['reasoning_tokens:exceeds'],
    ],
  ])('%s', (_, raw, usage, anomalies) => {
    expect(read(raw)).toEqual([usage, anomalies]);
  });

  test('never make a negative, a fraction or another total than the provider told', () => {
    const figure = fc.oneof(
      fc.integer({ min: -5, max: 40 }),
      fc.double(),
      fc.constantFrom(null, undefined, 'x', true, [], {}, 1e30),
    );
    const details = fc.oneof(
      fc.constantFrom(null, 3),
      fc.record({ cached_tokens: figure, cache_write_tokens: figure, audio_tokens: figure, reasoning_tokens: figure }),
    );
    const raw = fc.record({
      ...{ prompt_tokens: figure, completion_tokens: figure, total_tokens: figure, prompt_cache_hit_tokens: figure },
      ...{ prompt_tokens_details: details, completion_tokens_details: details },
    });
    fc.assert(
      fc.property(raw, (told) => {
        const { usage } = reportedUsage(told) ?? { usage: {} };
        for (const tokens of Object.values(usage)) expect(Number.isSafeInteger(tokens) && Number(tokens) >= 0).toBe(true);
        const isTold = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= 2 ** 31;
        expect(promptTokens(usage)).toBe(isTold(told.prompt_tokens) ? Math.ceil(told.prompt_tokens) + 0 : 0);
        expect(completionTokens(usage)).toBe(isTold(told.completion_tokens) ? Math.ceil(told.completion_tokens) + 0 : 0);
      }),
    );
  });
});
