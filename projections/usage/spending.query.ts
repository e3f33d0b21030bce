import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { type Instant, instantToText } from '../../src/kernel/time.js';
import { usageOfHourEntity } from './usage.entity.js';
import { UsageRowsReader } from './usage-rows.js';

/** What did the calls of an account cost in the whole hours from one to another, not included? Nano-credits, whether or not refunded. */
export class GetSpending extends Query<bigint> {
  constructor(
    readonly accountId: string,
    /** Both begin an hour of UTC. */
    readonly from: Instant,
    readonly until: Instant,
    readonly position: bigint,
  ) {
    super();
  }
}

@QueryHandler(GetSpending)
export class GetSpendingHandler implements IQueryHandler<GetSpending> {
  constructor(private readonly rows: UsageRowsReader) {}

  async execute({ accountId, from, until, position }: GetSpending): Promise<bigint> {
    const found = await this.rows.readFresh(accountId, position, (manager) =>
      manager
        .createQueryBuilder(usageOfHourEntity, 'used')
        .select('COALESCE(SUM(cost), 0)', 'cost')
        .where('account_id = :accountId AND hour >= :from AND hour < :until', {
          accountId,
          from: hourOf(from),
          until: hourOf(until),
        })
        .getRawOne<{ cost: string }>(),
    );
    return BigInt(found?.cost ?? 0);
  }
}

const hourOf = (at: Instant): string => instantToText(at).slice(0, 'yyyy-mm-ddThh'.length);
