import type { ChatCall } from '../provider.js';
import type { Effort } from '../reasoning.js';
import type { Json } from './values.js';

/** The most that a model's thinking may be told to take (Gemini API, thinking). */
const BUDGETS_MAX: readonly (readonly [RegExp, number])[] = [
  [/gemini-2\.5-pro/, 32_768],
  [/gemini-2\.5-flash/, 24_576],
];

const LEVELS: Readonly<Record<Effort, 'MINIMAL' | 'LOW' | 'MEDIUM' | 'HIGH'>> = {
  minimal: 'MINIMAL',
  low: 'LOW',
  medium: 'MEDIUM',
  high: 'HIGH',
  xhigh: 'HIGH',
  max: 'HIGH',
};

/**
 * How the model is to think: by a budget up to 2.5, by a level from 3, never both, which Gemini refuses. A level cannot be none:
 * who wants no thinking gets the least. Thoughts are shown in summary, and count as they are, not as they are shown.
 */
export function thinkingConfig({ reasoning: plan, upstreamModel }: ChatCall): Json | undefined {
  if (plan === undefined) return undefined;
  if (plan.control === 'budget') {
    if (!plan.enabled) return { thinkingBudget: 0 };
    const most = BUDGETS_MAX.find(([models]) => models.test(upstreamModel))?.[1] ?? Number.POSITIVE_INFINITY;
    const budget = plan.budgetTokens === undefined ? {} : { thinkingBudget: Math.min(plan.budgetTokens, most) };
    return { includeThoughts: !plan.exclude, ...budget };
  }
  if (!plan.enabled) return { thinkingLevel: levelOf('minimal', upstreamModel) };
  const level = plan.effort === undefined ? {} : { thinkingLevel: levelOf(plan.effort, upstreamModel) };
  return { includeThoughts: !plan.exclude, ...level };
}

/** The pro models have no level below low. */
const levelOf = (effort: Effort, model: string) => (effort === 'minimal' && /-pro\b/.test(model) ? 'LOW' : LEVELS[effort]);
