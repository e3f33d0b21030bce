import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { Between, DataSource } from 'typeorm';
import { AccountUnreadable } from '../../src/event-store/errors.js';
import { freshEnough, projectionBehind } from '../runtime/fresh-enough.js';
import { Freshness } from '../runtime/freshness.js';
import { findAnyStop } from '../runtime/stopped-streams.js';
import { providerDayEntity } from './provider-usage.entity.js';
import { type ProviderDay, providerUsage } from './provider-usage.projection.js';

const FRESH_TIMEOUT_MS = 10_000;

/**
 * What did this provider serve from a day to another, both included? At least as fresh as `position`; throws 503 where it is not in
 * time, AccountUnreadable where any account is stopped: its charges are missing, and would look like calls that nobody paid for.
 */
export class GetProviderDays extends Query<readonly ProviderDay[]> {
  constructor(
    readonly provider: string,
    readonly firstDay: string,
    readonly lastDay: string,
    readonly position: bigint,
  ) {
    super();
  }
}

@QueryHandler(GetProviderDays)
export class GetProviderDaysHandler implements IQueryHandler<GetProviderDays> {
  constructor(
    private readonly dataSource: DataSource,
    private readonly freshness: Freshness,
  ) {}

  async execute({ provider, firstDay, lastDay, position }: GetProviderDays): Promise<readonly ProviderDay[]> {
    await freshEnough(this.freshness, providerUsage, position, FRESH_TIMEOUT_MS, () => projectionBehind('The usage is', 5));
    return this.dataSource.transaction('REPEATABLE READ', async (manager) => {
      const stop = await findAnyStop(manager, providerUsage);
      if (stop) throw new AccountUnreadable(stop.stream, stop.revision, stop.eventType);
      return manager.find(providerDayEntity, {
        where: { provider, day: Between(firstDay, lastDay) },
        order: { day: 'ASC', upstreamModel: 'ASC' },
      });
    });
  }
}
