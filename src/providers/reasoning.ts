import type { Reasoning, ReasoningControl } from '../pricing/index.js';

export const EFFORTS = ['minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
export type Effort = (typeof EFFORTS)[number];

/** How a model is to reason in one call: resolved once, so that the reservation, the limit and the request say the same. */
export interface ReasoningPlan {
  /** By what the model is told. */
  readonly control: ReasoningControl;
  /** False: it is told not to. Never false for a model that must. True without effort and budget: as it does by itself. */
  readonly enabled: boolean;
  /** One of the model's own, where it is told by effort. */
  readonly effort?: Effort;
  /** Tokens to reason with, fewer than the limit on the output: where it is told by a budget. */
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
/** What a wish without a measure stands for (OpenRouter's reasoning guide). */
const DEFAULT_EFFORT: Effort = 'medium';

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
 * What one call may put out and how it reasons. A request that names a budget and an effort gets the budget: of the two it is the
 * one that bounds what is paid.
 * @param asked the request: `reasoning`, `reasoning_effort`, `thinking`, `include_reasoning` @param limit on the output, the caller's or by default
 */
export function outputPlan(asked: Readonly<Record<string, unknown>>, limit: number, model: Model): OutputPlan {
  const outputTokensMax = Math.min(limit, model.maxCompletionTokens);
  const { reasoning } = model;
  if (!reasoning) return { outputTokensMax, reasoning: undefined };
  const wish = wishOf(asked);
  const control = reasoning.control ?? (reasoning.supportsMaxTokens ? 'budget' : 'effort');
  const enabled = reasoning.mandatory || (wish.on ?? reasoning.defaultEnabled ?? true);
  const plan = { control, enabled, exclude: wish.exclude };
  // Nothing is said: the model does as it does by itself.
  if (wish.on === undefined) return { outputTokensMax, reasoning: wish.exclude ? plan : undefined };
  if (!enabled) return { outputTokensMax, reasoning: plan };
  if (control === 'budget') return withinBudget(plan, wish, outputTokensMax, model);
  const effort = effortFor(wish, outputTokensMax, control, reasoning);
  return { outputTokensMax, reasoning: { ...plan, ...(effort && { effort }) } };
}

/**
 * A budget must be less than the limit. One that somebody named, and the least there can be, raise a limit that leaves no room for
 * an answer; any other gives way to it.
 */
function withinBudget(plan: ReasoningPlan, wish: Wish, limit: number, model: Model): OutputPlan {
  const budget = Math.max(BUDGET_MIN, Math.min(budgetFor(wish, limit), BUDGET_MAX));
  if (budget < limit) return { outputTokensMax: limit, reasoning: { ...plan, budgetTokens: budget } };
  // A model that cannot be turned off is not to cost more for the attempt.
  if (wish.on === false) return { outputTokensMax: limit, reasoning: plan };
  const outputTokensMax = Math.min(limit + budget, model.maxCompletionTokens);
  const room = share(outputTokensMax, 'max');
  // A model too small to think and answer only answers.
  if (room < BUDGET_MIN) return { outputTokensMax: limit, reasoning: { ...plan, enabled: model.reasoning?.mandatory === true } };
  return { outputTokensMax, reasoning: { ...plan, budgetTokens: Math.min(budget, room) } };
}

const share = (limit: number, effort: Effort): number => Math.floor((limit * PER_MILLE[effort]) / 1_000);

function budgetFor(wish: Wish, limit: number): number {
  if (wish.on === false) return BUDGET_MIN;
  if (wish.budget !== undefined) return wish.budget;
  if (wish.effort) return share(limit, wish.effort);
  return DEFAULT_BUDGET_TOKENS < limit ? DEFAULT_BUDGET_TOKENS : share(limit, DEFAULT_EFFORT);
}

/** undefined: the model's own. */
function effortFor(wish: Wish, limit: number, control: ReasoningControl, reasoning: Reasoning): Effort | undefined {
  const { supportedEfforts, defaultEffort, defaultEnabled } = reasoning;
  // Off where it cannot be: the least that the model is known to have.
  if (wish.on === false) return supportedEfforts && nearest('minimal', supportedEfforts);
  if (wish.budget !== undefined) return effortWithin(wish.budget, limit, supportedEfforts);
  if (wish.effort) return nearest(wish.effort, supportedEfforts);
  // Who is told by effort alone is turned on by naming one.
  const turnedOnByEffort = defaultEnabled === false && (control === 'effort' || control === 'level');
  return turnedOnByEffort ? nearest(isEffort(defaultEffort) ? defaultEffort : DEFAULT_EFFORT, supportedEfforts) : undefined;
}

/** What every model that takes an effort takes. */
const COMMON_EFFORTS: readonly string[] = ['low', 'medium', 'high'];

/** The greatest effort that keeps to a budget; the least where none does. */
export function effortWithin(budget: number, limit: number, supported: readonly string[] = COMMON_EFFORTS): Effort | undefined {
  const known = EFFORTS.filter((effort) => supported.includes(effort));
  return known.findLast((effort) => share(limit, effort) <= budget) ?? known[0];
}

/** The model's own effort that is nearest to the asked one, of equals the lower: what was asked for bounds what is paid. */
function nearest(wanted: Effort, supported: readonly string[] | undefined): Effort | undefined {
  if (supported === undefined || supported.includes(wanted)) return wanted;
  const distance = (effort: Effort) => Math.abs(EFFORTS.indexOf(effort) - EFFORTS.indexOf(wanted));
  const known = EFFORTS.filter((effort) => supported.includes(effort));
  return known.sort((a, b) => distance(a) - distance(b) || EFFORTS.indexOf(a) - EFFORTS.indexOf(b))[0];
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
  const measured = isEffort(effort) || isBudget(budget);
  const on = reasoning['enabled'] === true || thinking['type'] === 'enabled' || thinking['type'] === 'adaptive';
  return {
    on: off ? false : measured || on ? true : undefined,
    effort: isEffort(effort) ? effort : undefined,
    budget: isBudget(budget) ? Math.floor(budget) : undefined,
    exclude: reasoning['exclude'] === true || asked['include_reasoning'] === false,
  };
}

const isEffort = (value: unknown): value is Effort => (EFFORTS as readonly unknown[]).includes(value);
/** Gemini's -1 leaves the budget to the model: nothing is said by it. */
const isBudget = (value: unknown): value is number => typeof value === 'number' && value >= 1 && Number.isFinite(value);
const objectIn = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
