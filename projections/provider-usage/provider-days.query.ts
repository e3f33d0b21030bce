import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { Between, DataSource } from 'typeorm';
import { AccountUnreadable } from '../../src/event-store/errors.js';
import { ApiError } from '../../src/http/api-error.js';
import { Freshness } from '../runtime/freshness.js';
import { findStop, readStoppedStreams } from '../runtime/stopped-streams.js';
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
    if (!(await this.freshness.waitFor(providerUsage, position, FRESH_TIMEOUT_MS)))
      throw new ApiError(503, 'projection_behind', 'The usage is not up to date yet, please try again', { retryAfterSeconds: 5 });
    return this.dataSource.transaction('REPEATABLE READ', async (manager) => {
      const [stream] = (await readStoppedStreams(manager, providerUsage)).sort();
      const stop = stream === undefined ? undefined : await findStop(manager, providerUsage, stream);
      if (stream !== undefined && stop) throw new AccountUnreadable(stream, stop.revision, stop.eventType);
      return manager.find(providerDayEntity, {
        where: { provider, day: Between(firstDay, lastDay) },
        order: { day: 'ASC', upstreamModel: 'ASC' },
      });
    });
  }
}
