import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { DataSource } from 'typeorm';
import { accountBalanceEntity, lotBalanceEntity, openReservationEntity } from './balances.entity.js';
import { tableOf } from './findings.js';

export interface UnbalancedAccount {
  readonly accountId: string;
  /** Which rule does not hold. */
  readonly rule: 'total' | 'held' | 'lot';
}

/**
 * Accounts whose rows break a rule of the ledger, in the order of their ids. total: earned = Σ remaining + spent + expired + clawed
 * back + refunded in cash. held: what lots hold is what open reservations hold. lot: 0 ≤ held + frozen ≤ remaining. The fold cannot
 * make such rows: somebody has changed them, or there is a defect.
 */
export class UnbalancedAccounts extends Query<UnbalancedAccount[]> {
  constructor(readonly limit: number) {
    super();
  }
}

@QueryHandler(UnbalancedAccounts)
export class UnbalancedAccountsHandler implements IQueryHandler<UnbalancedAccounts> {
  constructor(private readonly dataSource: DataSource) {}

  execute({ limit }: UnbalancedAccounts): Promise<UnbalancedAccount[]> {
    return this.dataSource.query(
      `WITH lots AS (
         SELECT account_id, SUM(remaining) AS remaining, SUM(held) AS held,
           BOOL_OR(held < 0 OR frozen < 0 OR held + frozen > remaining) AS is_wrong
         FROM ${tableOf(this.dataSource, lotBalanceEntity)} GROUP BY account_id
       ), reserved AS (
         SELECT account_id, SUM(amount) AS amount FROM ${tableOf(this.dataSource, openReservationEntity)} GROUP BY account_id
       ), checked AS (
         SELECT account_id, CASE
           WHEN COALESCE(lots.is_wrong, false) THEN 'lot'
           WHEN COALESCE(lots.held, 0) <> COALESCE(reserved.amount, 0) THEN 'held'
           WHEN total_earned <> COALESCE(lots.remaining, 0) + total_spent + total_expired + total_clawed_back + total_cash_refunded
             THEN 'total' END AS rule
         FROM ${tableOf(this.dataSource, accountBalanceEntity)} AS account
           LEFT JOIN lots USING (account_id) LEFT JOIN reserved USING (account_id)
       )
       SELECT account_id AS "accountId", rule FROM checked WHERE rule IS NOT NULL ORDER BY account_id LIMIT $1`,
      [limit],
    );
  }
}
