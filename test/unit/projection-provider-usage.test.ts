import { expect, test } from '@jest/globals';
import { type ProviderDay, providerUsage } from '../../projections/provider-usage/provider-usage.projection.js';
import type { Fact } from '../../projections/runtime/projection.js';
import { RowSet } from '../../projections/runtime/row-set.js';
import { EVENT_TYPES } from '../support/account-event-types.js';

const EVENING = '2026-02-28T23:59:59.999Z';
const MIDNIGHT = '2026-03-01T00:00:00.000Z';

const charge = (
  about: object = {},
  classes: Record<string, number> = { input_uncached: 7, output_visible: 5 },
  source = 'provider',
) => ({
  attempts: [
    { provider: 'openai', upstreamModel: 'gpt-first', status: 503 },
    { provider: 'deepseek', upstreamModel: 'ds-chat', status: 200 },
  ],
  usage: { classes, source },
  cost: { rounded: '3' },
  ...about,
});

function folded(events: readonly [type: string, data: object, at: string][]): ProviderDay[] {
  const days = new RowSet<ProviderDay>('days', ['provider', 'upstreamModel', 'day']);
  for (const [n, [type, data, occurredAt]] of events.entries()) {
    const fact: Fact = { type, data, stream: 'account-a', revision: BigInt(n), position: BigInt(n), metadata: { occurredAt } };
    const keys = providerUsage.rowsOf(fact).days;
    days.begin(n + 1);
    for (const key of keys) days.name(key).turn = n + 1;
    providerUsage.fold({ days }, fact);
  }
  const { inserts, updates } = days.changes();
  return [...inserts, ...updates];
}

test('a call counts for the provider that served it, on the day that it was charged, in time or late', () => {
  expect(
    folded([
      ['ReservationSettled', charge(), EVENING],
      ['ReservationSettled', charge({}, { cache_read: 2, output_reasoning: 1, requests: 1 }, 'estimated'), EVENING],
      ['LateSettlementRecorded', charge(), MIDNIGHT],
    ]),
  ).toEqual([
    {
      provider: 'deepseek',
      upstreamModel: 'ds-chat',
      day: '2026-02-28',
      requests: 2n,
      estimatedRequests: 1n,
      promptTokens: 9n,
      completionTokens: 6n,
      cost: 6n,
    },
    {
      provider: 'deepseek',
      upstreamModel: 'ds-chat',
      day: '2026-03-01',
      requests: 1n,
      estimatedRequests: 0n,
      promptTokens: 7n,
      completionTokens: 5n,
      cost: 3n,
    },
  ]);
});

test('a charge without a call on record counts for nobody, and what was given back not at all', () => {
  expect(
    folded([
      ['ReservationReleased', { attempts: charge().attempts }, EVENING],
      ['ReservationSettled', charge({ attempts: [] }), EVENING],
    ]),
  ).toMatchObject([{ provider: '', upstreamModel: '', requests: 1n }]);
});

test('a count that is no integer is refused, and no other event of an account says anything', () => {
  expect(() => folded([['ReservationSettled', charge({}, { input_uncached: 0.5 }), EVENING]])).toThrow(RangeError);
  const silent = EVENT_TYPES.filter((type) => type !== 'ReservationSettled' && type !== 'LateSettlementRecorded');
  expect(folded(silent.map((type) => [type, {}, EVENING]))).toEqual([]);
});
