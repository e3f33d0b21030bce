import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { AskedBalances } from './asked-balances.js';

/** Nano-credits. `given` − `used` is what is left, set aside or not; below zero while the account owes. */
export interface CreditTotals {
  /** All that was granted, less what expired, was clawed back or was refunded in cash. */
  readonly given: bigint;
  /** What calls cost, paid or owed, less what refunds gave back. */
  readonly used: bigint;
}

/** What was given to the account of a key, and what of it was used? */
export class GetCreditTotals extends Query<CreditTotals> {
  constructor(
    readonly accountId: string,
    readonly keyId: string,
    readonly position: bigint,
  ) {
    super();
  }
}

@QueryHandler(GetCreditTotals)
export class GetCreditTotalsHandler implements IQueryHandler<GetCreditTotals> {
  constructor(private readonly balances: AskedBalances) {}

  async execute({ accountId, keyId, position }: GetCreditTotals): Promise<CreditTotals> {
    const { account } = await this.balances.readKey({ accountId, keyId, position, asOf: undefined });
    const gone = account.totalExpired + account.totalClawedBack + account.totalCashRefunded;
    return { given: account.totalEarned - gone, used: account.totalSpent + account.receivable };
  }
}
