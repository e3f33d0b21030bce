import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { DataSource } from 'typeorm';
import { accountStream } from '../../src/accounts/domain/accounts.events.js';
import { type Instant, instantToText } from '../../src/kernel/time.js';
import { notStopped } from '../runtime/stopped-streams.js';
import { lotBalanceEntity } from './balances.entity.js';
import { balances } from './balances.projection.js';

/**
 * Accounts with lots that have expired by `at` and still have a free part: a hint where to write the expiry, longest due first.
 * It may be behind; whether anything expires is decided on the account's own stream.
 */
export class DueLots extends Query<string[]> {
  constructor(
    readonly at: Instant,
    readonly limit: number,
  ) {
    super();
  }
}

@QueryHandler(DueLots)
export class DueLotsHandler implements IQueryHandler<DueLots> {
  constructor(private readonly dataSource: DataSource) {}

  async execute({ at, limit }: DueLots): Promise<string[]> {
    const due: { accountId: string }[] = await this.dataSource
      .createQueryBuilder(lotBalanceEntity, 'lot')
      .select('lot.account_id', 'accountId')
      .where('lot.expires_at <= :at AND lot.remaining > lot.held + lot.frozen', { at: instantToText(at) })
      .andWhere(notStopped(balances, `'${accountStream('')}' || lot.account_id`))
      .groupBy('lot.account_id')
      .orderBy('MIN(lot.expires_at)')
      .addOrderBy('lot.account_id')
      .limit(limit)
      .getRawMany();
    return due.map(({ accountId }) => accountId);
  }
}
