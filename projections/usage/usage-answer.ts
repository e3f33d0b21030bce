import { creditsAsNumber, formatCredits, nano } from '../../src/kernel/credits.js';
import type { UsageFigures } from './usage-figures.query.js';
import { hourToText, type UsageQuestion } from './usage-question.js';

type Amount = (nanoCredits: bigint) => string | number;
/** Exact, for the administration. */
export const exactAmount: Amount = (amount) => formatCredits(nano(amount));
/** As the public endpoints state amounts. */
export const numericAmount: Amount = creditsAsNumber;

/** How the answer names what it is grouped by. */
const NAMES = {
  account: 'account_id',
  key: 'key',
  model: 'model',
  provider: 'provider',
  day: 'day',
  hour: 'hour',
} as const;

const NOTHING = {
  requests: 0n,
  estimatedRequests: 0n,
  promptTokens: 0n,
  cachedTokens: 0n,
  completionTokens: 0n,
  reasoningTokens: 0n,
  cost: 0n,
};
type Figures = typeof NOTHING;

/** The answer to a question about usage. `data` has a row for each group, `totals` what they come to. */
export function usageAnswer(
  { from, until, groupBy }: UsageQuestion,
  rows: readonly UsageFigures[],
  position: bigint,
  amount: Amount,
) {
  const totals = rows.reduce<Figures>(add, NOTHING);
  const data =
    groupBy.length === 0 ? [] : rows.map(({ group, ...figures }) => ({ ...groupJson(group), ...json(figures, amount) }));
  return {
    from: hourToText(from),
    until: hourToText(until),
    group_by: groupBy,
    data,
    totals: json(totals, amount),
    position: position.toString(),
  };
}

const groupJson = (group: UsageFigures['group']) =>
  Object.fromEntries(
    Object.entries(group).map(([dimension, value]) => [
      NAMES[dimension as keyof typeof NAMES],
      dimension === 'hour' ? hourToText(value) : value,
    ]),
  );

const add = (a: Figures, b: Figures): Figures => ({
  requests: a.requests + b.requests,
  estimatedRequests: a.estimatedRequests + b.estimatedRequests,
  promptTokens: a.promptTokens + b.promptTokens,
  cachedTokens: a.cachedTokens + b.cachedTokens,
  completionTokens: a.completionTokens + b.completionTokens,
  reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  cost: a.cost + b.cost,
});

const json = (figures: Figures, amount: Amount) => ({
  requests: Number(figures.requests),
  estimated_requests: Number(figures.estimatedRequests),
  prompt_tokens: Number(figures.promptTokens),
  cached_tokens: Number(figures.cachedTokens),
  completion_tokens: Number(figures.completionTokens),
  reasoning_tokens: Number(figures.reasoningTokens),
  cost: amount(figures.cost),
});
