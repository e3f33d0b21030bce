import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Reasoning, ReasoningControl } from '../../src/pricing/index.js';
import { EFFORTS, type Effort, outputPlan } from '../../src/providers/reasoning.js';

const optional: Reasoning = { mandatory: false, supportsMaxTokens: false };
const BUDGET: Reasoning = { ...optional, supportsMaxTokens: true };
const CONTROLS: readonly ReasoningControl[] = ['effort', 'budget', 'adaptive', 'level', 'toggle'];
const MOST = 64_000;
const LIMIT = 32_000;

const plan = (asked: object, reasoning: Reasoning | undefined = BUDGET, limit = LIMIT, most = MOST) =>
  outputPlan(asked as Record<string, unknown>, limit, { maxCompletionTokens: most, ...(reasoning && { reasoning }) });
/** The plan without what the model alone decides. */
const wish = (asked: object, reasoning: Reasoning = BUDGET, limit = LIMIT, most = MOST) => {
  const { outputTokensMax, reasoning: planned } = plan(asked, reasoning, limit, most);
  const { control: _, ...rest } = planned ?? {};
  return { ...rest, limit: outputTokensMax };
};
const by = (control: ReasoningControl, more: Partial<Reasoning> = {}): Reasoning => ({ ...optional, control, ...more });

describe('what is asked for, in every word for it', () => {
  const on = { enabled: true, exclude: false };
  test.each<[object, object, object]>([
    // OpenRouter's
    [{ reasoning: { effort: 'high' } }, { ...on, budgetTokens: 25_600 }, { ...on, effort: 'high' }],
    [{ reasoning: { max_tokens: 6_400 } }, { ...on, budgetTokens: 6_400 }, { ...on, effort: 'low' }],
    [{ reasoning: { enabled: true } }, { ...on, budgetTokens: 16_000 }, on],
    [
      { reasoning: { effort: 'low', exclude: true } },
      { ...on, budgetTokens: 6_400, exclude: true },
      { ...on, effort: 'low', exclude: true },
    ],
    [{ reasoning: { enabled: false } }, { ...on, enabled: false }, { ...on, enabled: false }],
    [{ reasoning: { enabled: false, effort: 'high' } }, { ...on, enabled: false }, { ...on, enabled: false }],
    [{ reasoning: { effort: 'none' } }, { ...on, enabled: false }, { ...on, enabled: false }],
    [{ reasoning: { max_tokens: 0 } }, { ...on, enabled: false }, { ...on, enabled: false }],
    [{ include_reasoning: false }, { ...on, exclude: true }, { ...on, exclude: true }],
    [{ reasoning: { exclude: true } }, { ...on, exclude: true }, { ...on, exclude: true }],
    // OpenAI's
    [{ reasoning_effort: 'medium' }, { ...on, budgetTokens: 16_000 }, { ...on, effort: 'medium' }],
    [{ reasoning_effort: 'none' }, { ...on, enabled: false }, { ...on, enabled: false }],
    [
      { reasoning: { effort: null }, reasoning_effort: 'low' },
      { ...on, budgetTokens: 6_400 },
      { ...on, effort: 'low' },
    ],
    // Anthropic's
    [{ thinking: { type: 'enabled', budget_tokens: 16_000 } }, { ...on, budgetTokens: 16_000 }, { ...on, effort: 'medium' }],
    [{ thinking: { type: 'adaptive' } }, { ...on, budgetTokens: 16_000 }, on],
    [{ thinking: { type: 'disabled' } }, { ...on, enabled: false }, { ...on, enabled: false }],
  ])('%j', (asked, byBudget, byEffort) => {
    expect(wish(asked)).toEqual({ ...byBudget, limit: LIMIT });
    for (const control of ['effort', 'adaptive', 'level', 'toggle'] as const) {
      expect(wish(asked, by(control))).toEqual({ ...byEffort, limit: LIMIT });
    }
  });

  test.each([
    ...[{}, { reasoning: null }, { reasoning: {} }, { include_reasoning: true }, { thinking: {} }, { reasoning: 'high' }],
    ...[{ reasoning_effort: 'vast' }, { reasoning: { max_tokens: -1 } }, { reasoning: { max_tokens: Number.NaN } }],
    ...[{ reasoning: { max_tokens: '9000' } }, { thinking: { type: 'between_tools' } }],
  ])('nothing by %j', (asked) => {
    for (const control of CONTROLS) expect(plan(asked, by(control))).toEqual({ outputTokensMax: LIMIT, reasoning: undefined });
  });

  test('both an effort and a budget: the budget, which bounds what is paid', () => {
    const asked = { reasoning: { effort: 'high', max_tokens: 3_200 } };
    expect(wish(asked)).toMatchObject({ budgetTokens: 3_200 });
    expect(wish(asked, by('effort', { supportedEfforts: EFFORTS }))).toMatchObject({ effort: 'minimal' });
  });

  test('a fraction of a token is none', () => {
    expect(wish({ reasoning: { max_tokens: 2_000.9 } })).toMatchObject({ budgetTokens: 2_000 });
  });
});

describe('by what a model is told', () => {
  test.each<[Reasoning, ReasoningControl]>([
    [optional, 'effort'],
    [BUDGET, 'budget'],
    ...CONTROLS.map((control) => [by(control), control] as [Reasoning, ReasoningControl]),
  ])('%j', (reasoning, control) => {
    expect(plan({ reasoning: { enabled: true } }, reasoning).reasoning?.control).toBe(control);
  });

  test('a model that does not reason is told nothing', () => {
    for (const asked of [
      { reasoning: { effort: 'high' } },
      { thinking: { type: 'enabled', budget_tokens: 9_000 } },
      { include_reasoning: false },
    ]) {
      expect(outputPlan(asked, 100, { maxCompletionTokens: MOST })).toEqual({ outputTokensMax: 100, reasoning: undefined });
    }
  });

  test('one that is off by itself, and told by effort alone, is turned on by an effort', () => {
    const asked = { reasoning: { enabled: true } };
    const off = { defaultEnabled: false };
    expect(wish(asked, by('effort', off))).toMatchObject({ effort: 'medium' });
    expect(wish(asked, by('level', { ...off, supportedEfforts: ['low', 'high'] }))).toMatchObject({ effort: 'low' });
    expect(wish(asked, by('effort', { ...off, defaultEffort: 'high' }))).toMatchObject({ effort: 'high' });
    expect(wish(asked, by('toggle', off))).not.toHaveProperty('effort');
  });

  test('one that is off by itself stays off where only the reasoning is not wanted', () => {
    expect(wish({ include_reasoning: false }, by('toggle', { defaultEnabled: false }))).toMatchObject({ enabled: false });
  });
});

describe('the effort', () => {
  test.each<[Effort, readonly string[], Effort | undefined]>([
    ['medium', ['high', 'medium', 'low'], 'medium'],
    ['minimal', ['high', 'medium', 'low'], 'low'],
    ['max', ['high', 'medium', 'low'], 'high'],
    ['medium', ['high', 'low'], 'low'],
    ['xhigh', ['max', 'high'], 'high'],
    ['high', ['none', 'unknown'], undefined],
    ['high', [], undefined],
  ])('%s of %j is the nearest, of equals the lower: %s', (effort, supportedEfforts, expected) => {
    expect(plan({ reasoning: { effort } }, by('effort', { supportedEfforts })).reasoning?.effort).toBe(expected);
  });

  test.each([
    [100, 'minimal'],
    [LIMIT * 0.1, 'minimal'],
    [LIMIT * 0.2 - 1, 'minimal'],
    [LIMIT * 0.2, 'low'],
    [LIMIT * 0.5, 'medium'],
    [LIMIT * 0.8, 'high'],
    [LIMIT * 0.95, 'max'],
    [LIMIT * 10, 'max'],
  ])('that keeps to a budget of %i tokens is %s', (max_tokens, effort) => {
    const reasoning = by('effort', { supportedEfforts: EFFORTS });
    expect(wish({ reasoning: { max_tokens } }, reasoning)).toMatchObject({ effort, limit: LIMIT });
  });

  test('for a budget is one that every model has, where the catalogue does not say', () => {
    for (const [max_tokens, effort] of [
      [1, 'low'],
      [MOST, 'high'],
    ] as const) {
      expect(wish({ reasoning: { max_tokens } }, by('effort'))).toMatchObject({ effort });
    }
  });
});

describe('the budget', () => {
  test.each([
    ['minimal', 3_200],
    ['low', 6_400],
    ['medium', 16_000],
    ['high', 25_600],
    ['xhigh', 30_400],
    ['max', 30_400],
  ])('by the effort %s is its part of the limit: %i', (effort, budgetTokens) => {
    expect(wish({ reasoning: { effort } })).toMatchObject({ budgetTokens, limit: LIMIT });
  });

  test.each<[string, object, number, number, number, number]>([
    ['is 16,000 where none is named', { reasoning: { enabled: true } }, 17_000, MOST, 16_000, 17_000],
    ['gives way to a limit where none is named', { reasoning: { enabled: true } }, 8_000, MOST, 4_000, 8_000],
    ['is 1,024 at least', { reasoning: { max_tokens: 1 } }, 8_000, MOST, 1_024, 8_000],
    ['is 1,024 at least, by effort too', { reasoning: { effort: 'low' } }, 2_000, MOST, 1_024, 2_000],
    ['is 128,000 at most', { reasoning: { max_tokens: 900_000 } }, 200_000, 400_000, 128_000, 200_000],
    ['is 128,000 at most, by effort too', { reasoning: { effort: 'high' } }, 200_000, 400_000, 128_000, 200_000],
    ['that is named raises a limit without room', { reasoning: { max_tokens: 9_000 } }, 500, MOST, 9_000, 9_500],
    ['equal to the limit raises it', { reasoning: { max_tokens: 9_000 } }, 9_000, MOST, 9_000, 18_000],
    ['one below the limit is passed', { reasoning: { max_tokens: 8_999 } }, 9_000, MOST, 8_999, 9_000],
    ['raises no limit beyond the model, and leaves room', { reasoning: { max_tokens: 99_000 } }, 50_000, 60_000, 57_000, 60_000],
    ['of the least raises a limit without room', { reasoning: { effort: 'high' } }, 300, MOST, 1_024, 1_324],
  ])('%s', (_, asked, limit, most, budgetTokens, outputTokensMax) => {
    expect(wish(asked, BUDGET, limit, most)).toMatchObject({ enabled: true, budgetTokens, limit: outputTokensMax });
  });

  test('has no place in a model too small to think and answer: it answers', () => {
    const small = [{ reasoning: { max_tokens: 5_000 } }, BUDGET, 1_000, 1_070] as const;
    expect(wish(...small)).toEqual({ enabled: false, exclude: false, limit: 1_000 });
  });
});

describe('a model that must reason', () => {
  const off = { reasoning: { enabled: false } };
  test.each(CONTROLS)('by %s is never told not to', (control) => {
    for (const asked of [off, { reasoning_effort: 'none' }, { reasoning: { effort: 'none', exclude: true } }]) {
      expect(wish(asked, by(control, { mandatory: true, defaultEnabled: false }))).toMatchObject({ enabled: true });
    }
  });

  test('does the least that it is known to have where it is not to', () => {
    const must = { mandatory: true, supportedEfforts: ['high', 'medium', 'low', 'minimal'] };
    expect(wish(off, by('effort', must))).toMatchObject({ effort: 'minimal' });
    expect(wish(off, by('effort', { mandatory: true }))).not.toHaveProperty('effort');
    expect(wish(off, by('budget', must))).toMatchObject({ budgetTokens: 1_024, limit: LIMIT });
    expect(wish(off, by('budget', must), 500)).toEqual({ enabled: true, exclude: false, limit: 500 });
  });
});

describe('whatever is asked of whatever model', () => {
  const token = fc.oneof(fc.integer({ min: -2, max: 200_000 }), fc.double(), fc.constantFrom(null, undefined, 'x', true, {}));
  const effort = fc.oneof(fc.constantFrom(...EFFORTS, 'none', 'vast'), fc.constantFrom(null, undefined, 3));
  const asked = fc.record(
    {
      reasoning: fc.oneof(
        fc.record({ effort, max_tokens: token, enabled: fc.boolean(), exclude: fc.boolean() }, { requiredKeys: [] }),
        fc.constantFrom(null, 'x', 3, []),
      ),
      reasoning_effort: effort,
      thinking: fc.record(
        { type: fc.constantFrom('enabled', 'disabled', 'adaptive', 'x', null), budget_tokens: token },
        { requiredKeys: [] },
      ),
      include_reasoning: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  const known: fc.Arbitrary<Reasoning> = fc.record(
    {
      control: fc.constantFrom(...CONTROLS),
      mandatory: fc.boolean(),
      supportsMaxTokens: fc.boolean(),
      supportedEfforts: fc.subarray([...EFFORTS, 'none']),
      defaultEffort: fc.constantFrom(...EFFORTS, 'none'),
      defaultEnabled: fc.boolean(),
    },
    { requiredKeys: ['mandatory', 'supportsMaxTokens'] },
  );
  const tokens = fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 500_000 }));

  test('the plan can be sent as it is', () => {
    fc.assert(
      fc.property(asked, known, tokens, tokens, (wished, reasoning, limit, most) => {
        const { outputTokensMax, reasoning: planned } = plan(wished, reasoning, limit, most);
        expect(outputTokensMax).toBeLessThanOrEqual(most);
        expect(outputTokensMax).toBeGreaterThanOrEqual(Math.min(limit, most));
        const { control, enabled, budgetTokens, effort: told } = planned ?? {};
        if (budgetTokens !== undefined) {
          expect([control, enabled, Number.isSafeInteger(budgetTokens)]).toEqual(['budget', true, true]);
          expect(budgetTokens).toBeGreaterThanOrEqual(1_024);
          expect(budgetTokens).toBeLessThanOrEqual(128_000);
          expect(budgetTokens).toBeLessThan(outputTokensMax);
        } else expect(outputTokensMax).toBe(Math.min(limit, most));
        if (told !== undefined) {
          expect([control === 'budget', enabled]).toEqual([false, true]);
          if (reasoning.supportedEfforts) expect(reasoning.supportedEfforts).toContain(told);
        }
        if (reasoning.mandatory) expect(enabled).not.toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  test('a budget that is named is never exceeded, but for the least there is', () => {
    const named = fc.integer({ min: 1, max: 200_000 });
    fc.assert(
      fc.property(named, fc.option(fc.constantFrom(...EFFORTS)), tokens, tokens, (max_tokens, effort, limit, most) => {
        const { outputTokensMax, reasoning } = plan({ reasoning: { max_tokens, effort } }, BUDGET, limit, most);
        expect(reasoning?.budgetTokens ?? 0).toBeLessThanOrEqual(Math.max(max_tokens, 1_024));
        expect(outputTokensMax).toBeLessThanOrEqual(limit + Math.max(max_tokens, 1_024));
      }),
    );
  });

  test('a model without reasoning has no plan', () => {
    fc.assert(
      fc.property(asked, tokens, tokens, (wished, limit, most) => {
        expect(outputPlan(wished, limit, { maxCompletionTokens: most })).toEqual({
          outputTokensMax: Math.min(limit, most),
          reasoning: undefined,
        });
      }),
    );
  });
});
