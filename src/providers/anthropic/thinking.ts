import type { ReasoningPlan } from '../reasoning.js';

/** Anthropic's least. */
const BUDGET_MIN = 1_024;

export interface Thinking {
  readonly thinking:
    | { readonly type: 'enabled'; readonly budget_tokens: number }
    | { readonly type: 'adaptive'; readonly display: 'summarized' }
    | { readonly type: 'disabled' };
  readonly effort?: string;
}

/**
 * What is said of thinking. Models until 4.5 are told a budget, which must be less than the limit on the output; later ones refuse
 * that and are told to adapt, and how hard to try. Those hide their thinking unless it is asked for. An effort is only told together
 * with thinking: the highest ones are refused without it.
 */
export function thinkingOf(plan: ReasoningPlan | undefined, outputTokensMax: number): Thinking | undefined {
  if (plan === undefined) return undefined;
  if (!plan.enabled) return { thinking: { type: 'disabled' } };
  if (plan.control !== 'budget') {
    const effort = plan.effort === 'minimal' ? 'low' : plan.effort;
    return { thinking: { type: 'adaptive', display: 'summarized' }, ...(effort && { effort }) };
  }
  const budget = Math.min(plan.budgetTokens ?? 0, outputTokensMax - 1);
  return budget < BUDGET_MIN ? undefined : { thinking: { type: 'enabled', budget_tokens: budget } };
}

/** Whether thinking is asked for, whatever the limit leaves of it. */
export const asksToThink = (plan: ReasoningPlan | undefined): boolean =>
  plan?.enabled === true && (plan.control !== 'budget' || plan.budgetTokens !== undefined);
