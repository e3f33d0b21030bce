import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { completionTokens, promptTokens } from '../../src/pricing/index.js';
import { reportedUsage } from '../../src/providers/gemini/usage.js';

const figures = (raw: unknown, delivered = true) => {
  const { usage, anomalies } = reportedUsage(raw, delivered) ?? { usage: {}, anomalies: ['none'] };
  return [usage, anomalies];
};
const by = (tokens: Record<string, unknown>) =>
  Object.entries(tokens).map(([modality, tokenCount]) => ({ modality, tokenCount }));

describe("Gemini's figures in classes that do not overlap", () => {
  test('the prompt includes what was cached, thoughts are beside the candidates, and tools add to the prompt', () => {
    const raw = {
      ...{ promptTokenCount: 100, cachedContentTokenCount: 40, candidatesTokenCount: 30, thoughtsTokenCount: 20 },
      ...{ toolUsePromptTokenCount: 7, totalTokenCount: 157 },
    };
    expect(figures(raw)).toEqual([{ input_uncached: 67, cache_read: 40, output_visible: 30, output_reasoning: 20 }, []]);
  });

  test('what was heard and seen has classes of its own, and is not counted again where it was cached', () => {
    const raw = {
      ...{ promptTokenCount: 100, cachedContentTokenCount: 50, candidatesTokenCount: 10, totalTokenCount: 110 },
      promptTokensDetails: by({ TEXT: 40, AUDIO: 25, IMAGE: 35 }),
      cacheTokensDetails: by({ TEXT: 30, AUDIO: 5, IMAGE: 15 }),
      candidatesTokensDetails: by({ TEXT: 4, AUDIO: 6 }),
    };
    expect(figures(raw)).toEqual([
      { input_uncached: 10, cache_read: 45, input_audio: 25, input_image: 20, output_visible: 4, output_audio: 6 },
      [],
    ]);
  });

  test('without the details of the cache, what is not cached may all be images', () => {
    const raw = { promptTokenCount: 100, cachedContentTokenCount: 50, candidatesTokenCount: 1, totalTokenCount: 101 };
    expect(figures({ ...raw, promptTokensDetails: by({ TEXT: 20, IMAGE: 80 }) })[0]).toEqual({
      ...{ input_uncached: 0, input_image: 50, cache_read: 50, output_visible: 1 },
    });
  });

  test.each([undefined, null, 7, 'x'])('%j is none', (raw) => {
    expect(reportedUsage(raw, true)).toBeUndefined();
  });
});

describe('candidates that are not counted', () => {
  test.each<[string, object, boolean, object, string[]]>([
    [
      'are none beside thoughts',
      { thoughtsTokenCount: 9, totalTokenCount: 14 },
      false,
      { output_visible: 0, output_reasoning: 9 },
      [],
    ],
    ['are none where nothing came', { totalTokenCount: 5 }, false, { output_visible: 0 }, []],
    ['are left to be estimated where something came', { totalTokenCount: 5 }, true, {}, ['candidatesTokenCount:missing']],
    [
      'are what the total leaves for them',
      { thoughtsTokenCount: 9, totalTokenCount: 20 },
      true,
      { output_visible: 6, output_reasoning: 9 },
      ['candidatesTokenCount:missing'],
    ],
    [
      'are what the total leaves, also where nothing came',
      { totalTokenCount: 20 },
      false,
      { output_visible: 15 },
      ['candidatesTokenCount:missing'],
    ],
    [
      'are named where thoughts hide them',
      { thoughtsTokenCount: 9 },
      true,
      { output_visible: 0, output_reasoning: 9 },
      ['candidatesTokenCount:missing'],
    ],
  ])('%s', (_, raw, delivered, usage, anomalies) => {
    expect(figures({ promptTokenCount: 5, ...raw }, delivered)).toEqual([{ input_uncached: 5, ...usage }, anomalies]);
  });
});

describe('figures that cannot be right', () => {
  const prompt = { promptTokenCount: 5 };
  const both = { ...prompt, candidatesTokenCount: 1 };
  const read = { input_uncached: 5, output_visible: 1 };
  test.each<[string, object, object, string[]]>([
    ['no prompt', { candidatesTokenCount: 1 }, { output_visible: 1 }, ['promptTokenCount:missing']],
    ['a negative prompt', { ...both, promptTokenCount: -5 }, { output_visible: 1 }, ['promptTokenCount:negative']],
    ['a huge answer', { ...both, candidatesTokenCount: 1e12 }, { input_uncached: 5 }, ['candidatesTokenCount:huge']],
    ['text', { ...both, promptTokenCount: '5' }, { output_visible: 1 }, ['promptTokenCount:not_a_number']],
    ['a fraction', { ...both, candidatesTokenCount: 0.5 }, read, ['candidatesTokenCount:fractional']],
    ['negative thoughts', { ...both, thoughtsTokenCount: -1 }, read, ['thoughtsTokenCount:negative']],
    ['a total that says otherwise', { ...both, totalTokenCount: 7 }, read, ['totalTokenCount:contradicts']],
    ['more cached than sent', { ...both, cachedContentTokenCount: 6 }, read, ['cachedContentTokenCount:exceeds']],
    [
      'more heard than sent',
      { ...both, promptTokensDetails: by({ AUDIO: 9 }) },
      { input_uncached: 0, input_audio: 5, output_visible: 1 },
      ['promptTokensDetails.AUDIO:exceeds'],
    ],
    [
      'more spoken than said',
      { ...both, candidatesTokensDetails: by({ AUDIO: 9 }) },
      { input_uncached: 5, output_audio: 1, output_visible: 0 },
      ['candidatesTokensDetails.AUDIO:exceeds'],
    ],
  ])('%s', (_, raw, usage, anomalies) => {
    expect(figures(raw)).toEqual([usage, anomalies]);
  });

  test('never make a negative, a fraction or another total than Gemini told', () => {
    const figure = fc.oneof(
      fc.integer({ min: -5, max: 40 }),
      fc.double(),
      fc.constantFrom(null, undefined, 'x', true, [], {}, 1e30),
    );
    const modality = fc.constantFrom('TEXT', 'AUDIO', 'IMAGE', 'VIDEO', 7);
    const details = fc.oneof(
      fc.constantFrom(null, 3, [null]),
      fc.array(fc.record({ modality, tokenCount: figure }), { maxLength: 4 }),
    );
    const raw = fc.record({
      ...{ promptTokenCount: figure, candidatesTokenCount: figure, totalTokenCount: figure, cachedContentTokenCount: figure },
      ...{ thoughtsTokenCount: figure, toolUsePromptTokenCount: figure },
      ...{ promptTokensDetails: details, cacheTokensDetails: details, candidatesTokensDetails: details },
    });
    const isTold = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= 2 ** 31;
    const whole = (value: unknown) => (isTold(value) ? Math.ceil(value) + 0 : 0);
    fc.assert(
      fc.property(raw, fc.boolean(), (told, delivered) => {
        const { usage } = reportedUsage(told, delivered) ?? { usage: {} };
        for (const tokens of Object.values(usage)) expect(Number.isSafeInteger(tokens) && Number(tokens) >= 0).toBe(true);
        const prompt = isTold(told.promptTokenCount) ? whole(told.promptTokenCount) + whole(told.toolUsePromptTokenCount) : 0;
        expect(promptTokens(usage)).toBe(prompt);
        const said = whole(told.candidatesTokenCount) + whole(told.thoughtsTokenCount);
        if (told.candidatesTokenCount != null) expect(completionTokens(usage)).toBe(said);
        else expect(completionTokens(usage)).toBeGreaterThanOrEqual(said);
      }),
      { numRuns: 500 },
    );
  });
});
