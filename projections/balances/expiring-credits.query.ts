import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { invalid } from '../../src/http/validation.js';
import type { Instant } from '../../src/kernel/time.js';
import { AskedBalances } from './asked-balances.js';
import { foresee, type LotForecast, type SpendingRate } from './burn-down.js';
import type { Question } from './question.js';
import { Spending } from './spending.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface ExpiringCredits {
  readonly accountId: string;
  readonly at: Instant;
  readonly until: Instant;
  readonly rate: SpendingRate;
  /** Lots that expire in the window with a free part, the soonest first; lots that are not in force yet included. */
  readonly lots: readonly LotForecast[];
}

/** What expires within a window, and what of it will expire unused? */
export class GetExpiringCredits extends Query<ExpiringCredits> {
  constructor(
    readonly question: Question,
    /** The end of the window: days from the moment of the answer, or a moment. */
    readonly window: { readonly days: number } | { readonly until: Instant },
    /** Spending goes on as in the last days, in whole hours, or at so many nano-credits a day. */
    readonly spending: { readonly days: number } | { readonly perDay: bigint },
  ) {
    super();
  }
}

@QueryHandler(GetExpiringCredits)
export class GetExpiringCreditsHandler implements IQueryHandler<GetExpiringCredits> {
  constructor(
    private readonly balances: AskedBalances,
    private readonly spending: Spending,
  ) {}

  async execute({ question, window, spending }: GetExpiringCredits): Promise<ExpiringCredits> {
    const { account, lots, at } = await this.balances.read(question);
    const until = 'until' in window ? window.until : at + window.days * DAY_MS;
    if (until <= at) throw invalid('until', 'must be after the moment of the answer');
    const asked =
      'perDay' in spending ? { spent: spending.perDay, inMs: DAY_MS } : await this.rateOf(question, at, spending.days * DAY_MS);
    // Who owes may spend nothing: whatever lots there are go on to expire.
    const rate = account.receivable > 0n ? { ...asked, spent: 0n } : asked;
    return { accountId: account.accountId, at, until, rate, lots: foresee(lots, rate, at, until) };
  }

  /** Hours that are over do not change: asked later as of this moment, the rate is the same. */
  private async rateOf({ accountId, position }: Question, at: Instant, inMs: number): Promise<SpendingRate> {
    const until = at - (at % HOUR_MS);
    return { spent: await this.spending.of(accountId, until - inMs, until, position), inMs };
  }
}
