import { Controller, Get, Param, Query, UseGuards } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { AdministrationGuard } from '../../src/http/administration.guard.js';
import { parse } from '../../src/http/validation.js';
import { formatSignedCredits as credits } from '../../src/kernel/credits.js';
import { isAccountId } from '../../src/kernel/ids.js';
import { instantToText } from '../../src/kernel/time.js';
import { available } from './answers.js';
import { AskedBalances, accountNotFound } from './asked-balances.js';
import { expiringCreditsQuery, expiringCreditsShown } from './expiring-credits.answer.js';
import { askedLots, lotStatusOf, lotsShown } from './lots.answer.js';
import { GetLots } from './lots.query.js';
import { type Asked, questionAbout, strictlyAsked } from './question.js';

/** What accounts have and had, for the administration. Amounts are decimal strings of credits. */
@Controller('api/v3/admin/accounts/:user_id')
@UseGuards(AdministrationGuard)
export class AccountBalancesController {
  constructor(
    private readonly queries: QueryBus,
    private readonly balances: AskedBalances,
  ) {}

  @Get('balance')
  async balance(@Param('user_id') userId: string, @Query() query: unknown): Promise<object> {
    const { account, lots, at } = await this.balances.read(questionAbout(accountOf(userId), parse(strictlyAsked, query)));
    const sum = (part: 'held' | 'frozen') => lots.reduce((total, lot) => total + lot[part], 0n);
    return {
      user_id: account.accountId,
      at: instantToText(at),
      position: account.position.toString(),
      revision: account.revision.toString(),
      tier: account.tier,
      available: credits(available(account, lots, at)),
      held: credits(sum('held')),
      frozen: credits(sum('frozen')),
      receivable: credits(account.receivable),
      total_earned: credits(account.totalEarned),
      total_adjusted: credits(account.totalAdjusted),
      total_spent: credits(account.totalSpent),
      total_expired: credits(account.totalExpired),
      total_clawed_back: credits(account.totalClawedBack),
      total_cash_refunded: credits(account.totalCashRefunded),
    };
  }

  /** In burn-down order. */
  @Get('lots')
  async lots(@Param('user_id') userId: string, @Query() query: unknown): Promise<object> {
    const { status, ...asked } = parse(askedLots, query);
    const lots = await this.queries.execute(new GetLots(questionAbout(accountOf(userId), asked)));
    return lotsShown(lots, lotStatusOf(status), credits);
  }

  /** What expires within a window, and what of it will expire unused if spending goes on as it did. */
  @Get('expiring-credits')
  async expiringCredits(@Param('user_id') userId: string, @Query() query: Asked): Promise<object> {
    const question = questionAbout(accountOf(userId), query);
    return expiringCreditsShown(await this.queries.execute(expiringCreditsQuery(question, query)), credits);
  }
}

/** What cannot be an account's id is not there. */
function accountOf(userId: string): string {
  if (isAccountId(userId)) return userId;
  throw accountNotFound();
}
