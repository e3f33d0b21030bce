import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { DataSource } from 'typeorm';
import { type Instant, instantToText } from '../../src/kernel/time.js';
import { accountBalanceEntity, lotBalanceEntity } from './balances.entity.js';
import { ofAccountsThatGoOn, tableOf } from './findings.js';

export interface LowBalance {
  readonly accountId: string;
  /** Nano-credits that it has, set aside or not. */
  readonly owned: bigint;
  /** Nano-credits that it owes. */
  readonly receivable: bigint;
}

/**
 * Accounts that were granted at least `threshold` nano-credits and have less now, in the order of their ids. What is set aside counts as had, so
 * that calls under way raise no alarm that their end takes back.
 */
export class LowBalances extends Query<LowBalance[]> {
  constructor(
    readonly threshold: bigint,
    readonly at: Instant,
    readonly limit: number,
  ) {
    super();
  }
}

@QueryHandler(LowBalances)
export class LowBalancesHandler implements IQueryHandler<LowBalances> {
  constructor(private readonly dataSource: DataSource) {}

  async execute({ threshold, at, limit }: LowBalances): Promise<LowBalance[]> {
    const rows: Record<keyof LowBalance, string>[] = await this.dataSource.query(
      `SELECT account.account_id AS "accountId", owned.owned::text AS owned, account.receivable::text AS receivable
       FROM ${tableOf(this.dataSource, accountBalanceEntity)} AS account, LATERAL (
         SELECT COALESCE(SUM(remaining - frozen), 0) AS owned FROM ${tableOf(this.dataSource, lotBalanceEntity)} AS lot
         WHERE lot.account_id = account.account_id AND remaining > 0 AND effective_at <= $2 AND (expires_at IS NULL OR expires_at > $2)
       ) AS owned
       WHERE account.total_earned - account.total_adjusted >= $1 AND (owned.owned < $1 OR account.receivable > 0)
         AND ${ofAccountsThatGoOn('account.account_id')}
       ORDER BY account.account_id LIMIT $3`,
      [threshold.toString(), instantToText(at), limit],
    );
    return rows.map(({ accountId, owned, receivable }) => ({
      accountId,
      owned: BigInt(owned),
      receivable: BigInt(receivable),
    }));
  }
}
