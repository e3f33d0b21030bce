import type { Reasoning, ReasoningControl } from '../pricing/index.js';

export const EFFORTS = ['minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
export type Effort = (typeof EFFORTS)[number];

/** How a model is to reason in one call: resolved once, so that the reservation, the limit and the request say the same. */
export interface ReasoningPlan {
  /** By what the model is told. */
  readonly control: ReasoningControl;
  /** False: it is told not to. Never false for a model that must. */
  readonly enabled: boolean;
  /** One of the model's own, where it is told by effort. */
  readonly effort?: Effort;
  /** Tokens to reason with, within the limit on the output: where it is told by a budget. */
  readonly budgetTokens?: number;
  /** Whether the client wants none of it: reasoned and paid for all the same. */
  readonly exclude: boolean;
}

/** The budget where thinking is asked for and no budget is named. */
export const DEFAULT_BUDGET_TOKENS = 16_000;
/** Anthropic's least and OpenRouter's most (its reasoning guide). */
const BUDGET_MIN = 1_024;
const BUDGET_MAX = 128_000;
/** The part of the output limit that an effort may reason with (OpenRouter's reasoning guide), in per mille. */
const PER_MILLE: Readonly<Record<Effort, number>> = { minimal: 100, low: 200, medium: 500, high: 800, xhigh: 950, max: 950 };

export interface OutputPlan {
  /** The most tokens of one choice, reasoning included. */
  readonly outputTokensMax: number;
  readonly reasoning: ReasoningPlan | undefined;
}

interface Model {
  readonly maxCompletionTokens: number;
  readonly reasoning?: Reasoning;
}

/**
 * What one call may put out and how it reasons.
 * @param asked the request: `reasoning`, `reasoning_effort`, `thinking`, `include_reasoning` @param limit on the output, the caller's or by default
 */
export function outputPlan(asked: Readonly<Record<string, unknown>>, limit: number, model: Model): OutputPlan {
  const bounded = Math.min(limit, model.maxCompletionTokens);
  const { reasoning } = model;
  if (!reasoning) return { outputTokensMax: bounded, reasoning: undefined };
  const wish = wishOf(asked);
  const control = reasoning.control ?? (reasoning.supportsMaxTokens ? 'budget' : 'effort');
  const plan = { control, enabled: wish.on ?? true, exclude: wish.exclude };
  if (wish.on === false && !reasoning.mandatory) return { outputTokensMax: bounded, reasoning: plan };
  if (wish.on !== true) {
    // Nothing is said: the model does as it does by itself.
    return { outputTokensMax: bounded, reasoning: wish.exclude ? plan : undefined };
  }
  if (control !== 'budget') {
    const effort = nearest(wish.effort ?? effortOf(wish.budget, bounded), reasoning.supportedEfforts);
    return { outputTokensMax: bounded, reasoning: { ...plan, ...(effort && { effort }) } };
  }
  return withinBudget(plan, wish, bounded, model.maxCompletionTokens);
}

/** A budget must be less than the limit: a limit that leaves no room for an answer is raised by the budget. */
function withinBudget(plan: ReasoningPlan, wish: Wish, limit: number, most: number): OutputPlan {
  const byEffort = wish.effort && Math.floor((limit * PER_MILLE[wish.effort]) / 1_000);
  const wanted = wish.budget ?? byEffort ?? DEFAULT_BUDGET_TOKENS;
  const budget = Math.max(BUDGET_MIN, Math.min(wanted, BUDGET_MAX));
  const outputTokensMax = budget < limit ? limit : Math.min(limit + budget, most);
  // A model too small to think and answer only answers.
  if (outputTokensMax <= BUDGET_MIN) return { outputTokensMax, reasoning: { ...plan, enabled: false } };
  return { outputTokensMax, reasoning: { ...plan, budgetTokens: Math.min(budget, outputTokensMax - 1) } };
}

interface Wish {
  /** undefined: nothing was said. */
  readonly on: boolean | undefined;
  readonly effort: Effort | undefined;
  readonly budget: number | undefined;
  readonly exclude: boolean;
}

/** What the caller wishes, in any of the words that are used for it: OpenRouter's, OpenAI's, Anthropic's. */
function wishOf(asked: Readonly<Record<string, unknown>>): Wish {
  const reasoning = objectIn(asked['reasoning']);
  const thinking = objectIn(asked['thinking']);
  const effort = reasoning['effort'] ?? asked['reasoning_effort'];
  const budget = reasoning['max_tokens'] ?? thinking['budget_tokens'];
  const off = reasoning['enabled'] === false || thinking['type'] === 'disabled' || effort === 'none' || budget === 0;
  const on = reasoning['enabled'] === true || isEffort(effort) || typeof budget === 'number';
  const thinks = thinking['type'] === 'enabled' || thinking['type'] === 'adaptive';
  return {
    on: off ? false : on || thinks ? true : undefined,
    effort: isEffort(effort) ? effort : undefined,
    budget: typeof budget === 'number' && budget > 0 ? budget : undefined,
    exclude: reasoning['exclude'] === true || asked['include_reasoning'] === false,
  };
}

/** The model's own effort that is nearest to the asked one, of equals the lower: what was asked for bounds what is paid. */
function nearest(wanted: Effort | undefined, supported: readonly string[] | undefined): Effort | undefined {
  if (wanted === undefined || supported === undefined || supported.includes(wanted)) return wanted;
  const distance = (effort: Effort) => Math.abs(EFFORTS.indexOf(effort) - EFFORTS.indexOf(wanted));
  const known = EFFORTS.filter((effort) => supported.includes(effort));
  return known.sort((a, b) => distance(a) - distance(b) || EFFORTS.indexOf(a) - EFFORTS.indexOf(b))[0];
}

/** The effort that a budget stands for, where the model is told by effort. */
function effortOf(budget: number | undefined, limit: number): Effort | undefined {
  if (budget === undefined) return undefined;
  return EFFORTS.slice(0, -1).find((effort) => budget * 1_000 <= limit * PER_MILLE[effort]) ?? 'xhigh';
}

const isEffort = (value: unknown): value is Effort => (EFFORTS as readonly unknown[]).includes(value);
const objectIn = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
