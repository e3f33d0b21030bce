import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { creditsAsNumber } from '../../src/kernel/credits.js';
import { available, expiringCredits, nextExpiration } from './answers.js';
import { AskedBalances } from './asked-balances.js';
import type { Question } from './question.js';

/** The documented answer of GET /api/v3/auth/credit-balance: credits as JSON numbers. */
export interface CreditBalance {
  readonly user_id: string;
  readonly current_balance: number;
  readonly total_earned: number;
  readonly total_spent: number;
  readonly tier: string;
  readonly expiring_credits: number;
  readonly next_expiration: string;
}

/** What has the account that asks, and what of it expires? */
export class GetCreditBalance extends Query<CreditBalance> {
  constructor(readonly question: Question) {
    super();
  }
}

@QueryHandler(GetCreditBalance)
export class GetCreditBalanceHandler implements IQueryHandler<GetCreditBalance> {
  constructor(private readonly balances: AskedBalances) {}

  async execute({ question }: GetCreditBalance): Promise<CreditBalance> {
    const { account, lots, at } = await this.balances.readKey(question);
    return {
      user_id: account.accountId,
      current_balance: creditsAsNumber(available(account, lots, at)),
      total_earned: creditsAsNumber(account.totalEarned),
      total_spent: creditsAsNumber(account.totalSpent),
      tier: account.tier,
      expiring_credits: creditsAsNumber(expiringCredits(lots, at)),
      next_expiration: nextExpiration(lots, at),
    };
  }
}
