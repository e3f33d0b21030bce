import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { creditsAsNumber, least } from '../../src/kernel/credits.js';
import { available, remainingOfKey } from './answers.js';
import { AskedBalances } from './asked-balances.js';
import type { Question } from './question.js';
import { spentInWindow } from './row-changes.projection.js';
import { ThinkingModels } from './thinking-models.js';

/** The documented answer of GET /quota: credits as JSON numbers. */
export interface Quota {
  readonly username: string;
  readonly balance: number;
  /** What the key may still spend: the balance, or what is left of its own limit where that is less. */
  readonly remaining_quota: number;
  /** What the key has spent in its limit's current window; since it was issued where the limit never resets. */
  readonly used_quota: number;
  readonly thinking: { readonly enabled: boolean; readonly default_budget: number; readonly models: readonly string[] };
}

/** What may the key that asks still spend? */
export class GetQuota extends Query<Quota> {
  constructor(readonly question: Question) {
    super();
  }
}

@QueryHandler(GetQuota)
export class GetQuotaHandler implements IQueryHandler<GetQuota> {
  constructor(
    private readonly balances: AskedBalances,
    private readonly thinking: ThinkingModels,
  ) {}

  async execute({ question }: GetQuota): Promise<Quota> {
    const { account, lots, key, at } = await this.balances.readKey(question);
    const balance = available(account, lots, at);
    return {
      username: account.username,
      balance: creditsAsNumber(balance),
      remaining_quota: creditsAsNumber(least(balance, remainingOfKey(key, at) ?? balance)),
      used_quota: creditsAsNumber(spentInWindow(key, at)),
      thinking: { enabled: this.thinking.enabled, default_budget: this.thinking.defaultBudget, models: this.thinking.list() },
    };
  }
}
