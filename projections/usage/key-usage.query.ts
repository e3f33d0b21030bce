import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { type Instant, instantToText, windowStart } from '../../src/kernel/time.js';
import { usageOfDayEntity } from './usage.entity.js';
import { UsageRowsReader } from './usage-rows.js';

/** What a key was charged, in nano-credits, whether or not it was refunded: ever, and since 00:00 UTC of the day, Monday and first. */
export interface KeyUsage {
  readonly total: bigint;
  readonly daily: bigint;
  readonly weekly: bigint;
  readonly monthly: bigint;
}

/** What was each key of this account charged? Keys that were charged nothing are absent. At least as fresh as `position`. */
export class GetKeyUsage extends Query<ReadonlyMap<string, KeyUsage>> {
  constructor(
    readonly accountId: string,
    readonly position: bigint,
    readonly at: Instant,
  ) {
    super();
  }
}

@QueryHandler(GetKeyUsage)
export class GetKeyUsageHandler implements IQueryHandler<GetKeyUsage> {
  constructor(private readonly rows: UsageRowsReader) {}

  async execute({ accountId, position, at }: GetKeyUsage): Promise<ReadonlyMap<string, KeyUsage>> {
    const since = (day: string) => `COALESCE(SUM(cost) FILTER (WHERE day >= ${day}), 0)`;
    const sums = await this.rows.readFresh(accountId, position, (manager) =>
      manager
        .createQueryBuilder(usageOfDayEntity, 'used')
        .select('key_id', 'keyId')
        .addSelect('SUM(cost)', 'total')
        .addSelect(since(':today'), 'daily')
        .addSelect(since(':monday'), 'weekly')
        .addSelect(since(':first'), 'monthly')
        .where('account_id = :accountId')
        .groupBy('key_id')
        .setParameters({
          accountId,
          today: dayOf(windowStart('daily', at)),
          monday: dayOf(windowStart('weekly', at)),
          first: dayOf(windowStart('monthly', at)),
        })
        .getRawMany<Record<keyof KeyUsage | 'keyId', string>>(),
    );
    return new Map(
      sums.map(({ keyId, total, daily, weekly, monthly }) => [
        keyId,
        { total: BigInt(total), daily: BigInt(daily), weekly: BigInt(weekly), monthly: BigInt(monthly) },
      ]),
    );
  }
}

const dayOf = (at: Instant): string => instantToText(at).slice(0, 'yyyy-mm-dd'.length);
