/** What providers served is exact or absent: an account that is stopped would look like calls that nobody paid for. */
import { expect, test } from '@jest/globals';
import { GetProviderDays, GetProviderDaysHandler } from '../../projections/provider-usage/provider-days.query.js';
import { providerDayEntity, providerUsageDefinition } from '../../projections/provider-usage/provider-usage.entity.js';
import { providerUsage } from '../../projections/provider-usage/provider-usage.projection.js';
import { createCheckpoint } from '../../projections/runtime/checkpoint.js';
import { openDatabase } from '../../projections/runtime/database.js';
import { Freshness } from '../../projections/runtime/freshness.js';
import { recordStops } from '../../projections/runtime/stopped-streams.js';
import { nano } from '../../src/kernel/credits.js';
import { beforeStop, createDatabase } from '../support/postgres.js';

test('the days of a provider are answered until any account is stopped', async () => {
  const dataSource = await openDatabase(await createDatabase(), [providerUsageDefinition]);
  beforeStop(() => dataSource.destroy());
  await createCheckpoint(dataSource, providerUsage);
  const figures = { requests: 1n, estimatedRequests: 0n, promptTokens: 7n, completionTokens: 5n, cost: nano(3n) };
  const day = { provider: 'demo', upstreamModel: 'm', day: '2026-03-01', ...figures };
  await dataSource.manager.insert(providerDayEntity, day);
  const days = () =>
    new GetProviderDaysHandler(dataSource, new Freshness(dataSource)).execute(
      new GetProviderDays('demo', '2026-03-01', '2026-03-01', -1n),
    );
  expect(await days()).toEqual([day]);
  const metadata = {} as never;
  const event = { id: 'e', type: 'CreditsConjured', stream: 'account-ill', revision: 4n, position: 9n, data: {}, metadata };
  await recordStops(dataSource, providerUsage, [{ event: event as never, error: 'Error in fold' }]);
  await expect(days()).rejects.toMatchObject({ stream: 'account-ill', revision: 4n, type: 'CreditsConjured' });
});
