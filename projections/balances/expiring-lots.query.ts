import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { DataSource } from 'typeorm';
import { type Instant, instantToText } from '../../src/kernel/time.js';
import { lotBalanceEntity } from './balances.entity.js';
import { ofAccountsThatGoOn, tableOf } from './findings.js';

export interface ExpiringLot {
  readonly accountId: string;
  readonly lotId: string;
  readonly expiresAt: Instant;
  /** Nano-credits that would be lost: set aside by no call and frozen by no dispute. */
  readonly free: bigint;
}

/** Lots in force at `at` that expire by `until` with a free part, the soonest first, over all accounts. */
export class ExpiringLots extends Query<ExpiringLot[]> {
  constructor(
    readonly at: Instant,
    readonly until: Instant,
    readonly limit: number,
  ) {
    super();
  }
}

@QueryHandler(ExpiringLots)
export class ExpiringLotsHandler implements IQueryHandler<ExpiringLots> {
  constructor(private readonly dataSource: DataSource) {}

  async execute({ at, until, limit }: ExpiringLots): Promise<ExpiringLot[]> {
    const rows: { accountId: string; lotId: string; expiresAt: Date; free: string }[] = await this.dataSource.query(
      `SELECT account_id AS "accountId", lot_id AS "lotId", expires_at AS "expiresAt", (remaining - held - frozen)::text AS free
       FROM ${tableOf(this.dataSource, lotBalanceEntity)} AS lot
       WHERE expires_at > $1 AND expires_at <= $2 AND effective_at <= $1 AND remaining > held + frozen
         AND ${ofAccountsThatGoOn('lot.account_id')}
       ORDER BY expires_at, account_id, lot_id LIMIT $3`,
      [instantToText(at), instantToText(until), limit],
    );
    return rows.map(({ accountId, lotId, expiresAt, free }) => ({
      accountId,
      lotId,
      expiresAt: expiresAt.getTime(),
      free: BigInt(free),
    }));
  }
}
