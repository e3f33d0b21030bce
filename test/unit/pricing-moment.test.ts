/** The moment of a price goes from the price list into the settlement, and into no other event. */
import { expect, test } from '@jest/globals';
import type { AccountCommand } from '../../src/accounts/domain/account.decider.js';
import { pricedAtFact, priceTable } from '../../src/pricing/index.js';
import { given, release, settle } from '../support/account-story.js';

const at = Date.parse('2026-11-23T04:00:00.000Z');
const base = { prompt: '1', completion: '1' };
const settledAt = (prices: Parameters<typeof priceTable>[0]): AccountCommand =>
  ({ ...settle('r', 5n), ...pricedAtFact(priceTable(prices), at) }) as AccountCommand;
const windows = { ...base, overrides: [{ utc_start: 0, utc_end: 600 }] };

test('a settlement at a price by the time of day says the moment, a late one too', () => {
  const story = () => given().granted('g', 100n).reserved('r', 60n);
  const moments = [story().done(settledAt(windows)), story().done(release('r')).done(settledAt(windows))].map(({ last }) =>
    last.map(({ type, data }) => [type, (data as { pricedAt?: string }).pricedAt]),
  );
  expect(moments).toEqual([
    [['ReservationSettled', '2026-11-23T04:00:00.000Z']],
    [['LateSettlementRecorded', '2026-11-23T04:00:00.000Z']],
  ]);
});

test('any other settlement is written as it always was', () => {
  const { last } = given().granted('g', 100n).reserved('r', 60n).done(settledAt(base));
  expect(Object.keys(last[0]?.data ?? {})).not.toContain('pricedAt');
});
