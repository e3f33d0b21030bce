import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LotBalance } from '../../projections/balances/balance-tables.projection.js';
import { foresee, inBurnDownOrder } from '../../projections/balances/burn-down.js';
import { type Lot, sortLots } from '../../src/accounts/domain/burn-down.js';
import { nano } from '../../src/kernel/credits.js';

const NOW = Date.UTC(2026, 1, 28, 12);
const DAY = 86_400_000;

const lot = (lotId: string, remaining: bigint, about: Partial<LotBalance> = {}): LotBalance => ({
  accountId: 'a',
  lotId,
  kind: 'promo',
  granted: nano(remaining),
  remaining: nano(remaining),
  held: nano(0n),
  frozen: nano(0n),
  priority: 10,
  costBasis: 0n,
  effectiveAt: NOW - DAY,
  expiresAt: null,
  ...about,
});
const foreseen = (lots: readonly LotBalance[], perDay: bigint, days: number) =>
  foresee(lots, { spent: perDay, inMs: DAY }, NOW, NOW + days * DAY).map((each) => [
    each.lot.lotId,
    each.free,
    each.expectedUsed,
    each.expectedToExpire,
  ]);

describe('what expires unused if spending goes on', () => {
  test('without spending all of it, with enough of it nothing', () => {
    const lots = [lot('A', 100n, { expiresAt: NOW + 2 * DAY })];
    expect(foreseen(lots, 0n, 7)).toEqual([['A', 100n, 0n, 100n]]);
    expect(foreseen(lots, 30n, 7)).toEqual([['A', 100n, 60n, 40n]]);
    expect(foreseen(lots, 50n, 7)).toEqual([['A', 100n, 100n, 0n]]);
  });

  test('lots pay in burn-down order: one that pays first keeps spending from one that expires sooner', () => {
    const lots = [
      lot('first', 60n, { priority: 1 }),
      lot('soon', 50n, { priority: 5, expiresAt: NOW + 3 * DAY }),
      lot('later', 50n, { priority: 5, expiresAt: NOW + 5 * DAY }),
    ];
    // 20 a day: three days for the first one, so that nothing is left for `soon`, and two days for `later`.
    expect(foreseen(lots, 20n, 30)).toEqual([
      ['soon', 50n, 0n, 50n],
      ['later', 50n, 40n, 10n],
    ]);
  });

  test('one that is not in force yet pays from its time on, and not before', () => {
    const lots = [lot('B', 100n, { effectiveAt: NOW + 2 * DAY, expiresAt: NOW + 4 * DAY })];
    expect(foreseen(lots, 30n, 7)).toEqual([['B', 100n, 60n, 40n]]);
  });

  test('what is set aside or frozen is not free, and an expiry behind the window is none in it', () => {
    const lots = [
      lot('A', 100n, { held: nano(30n), frozen: nano(20n), expiresAt: NOW + DAY }),
      lot('edge', 10n, { expiresAt: NOW + 7 * DAY }),
      lot('behind', 10n, { expiresAt: NOW + 7 * DAY + 1 }),
      lot('gone', 10n, { expiresAt: NOW }),
      lot('held', 10n, { held: nano(10n), expiresAt: NOW + DAY }),
    ];
    expect(foreseen(lots, 0n, 7)).toEqual([
      ['A', 50n, 0n, 50n],
      ['edge', 10n, 0n, 10n],
    ]);
  });

  test('fractions of a nano-credit are not spent: what expires is never understated', () => {
    expect(foresee([lot('A', 10n, { expiresAt: NOW + DAY })], { spent: 10n, inMs: 3 * DAY }, NOW, NOW + DAY)[0]).toMatchObject({
      expectedUsed: 3n,
      expectedToExpire: 7n,
    });
  });
});

test('what is rounded off while no lot could pay is not spent from one that could later', () => {
  const lots = [lot('B', 10n, { effectiveAt: NOW + DAY, expiresAt: NOW + 2 * DAY })];
  // Three fifths a day: one of ten would be spent in both days together, none in the second alone.
  const [foreseen] = foresee(lots, { spent: 3n, inMs: 5 * DAY }, NOW, NOW + 3 * DAY);
  expect(foreseen).toMatchObject({ expectedUsed: 0n, expectedToExpire: 10n });
});

const days = fc.integer({ min: -3, max: 12 });
const lots = fc
  .uniqueArray(
    fc.record({
      lotId: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      priority: fc.integer({ min: 0, max: 2 }),
      costBasis: fc.constantFrom(0n, 1_000_000_000n),
      effective: days,
      expires: fc.option(days),
      remaining: fc.bigInt(0n, 1_000n),
    }),
    { selector: ({ lotId }) => lotId },
  )
  .map((all) =>
    all.map(({ effective, expires, remaining, ...about }) =>
      lot(about.lotId, remaining, {
        ...about,
        effectiveAt: NOW + effective * DAY,
        expiresAt: expires === null ? null : NOW + expires * DAY,
      }),
    ),
  );

describe('for any lots', () => {
  test('the order is that in which the write side lets them pay', () => {
    fc.assert(
      fc.property(lots, (all) => {
        const asWritten = sortLots(
          all.map((each) => ({ ...each, expiresAt: each.expiresAt ?? undefined }) as Lot),
          'mcphub@1',
        );
        expect([...all].sort(inBurnDownOrder).map(({ lotId }) => lotId)).toEqual([...asWritten.keys()]);
      }),
    );
  });

  test('no more is used than is spent, more spending expires no more, and each lot adds up', () => {
    fc.assert(
      fc.property(lots, fc.bigInt(0n, 300n), fc.integer({ min: 1, max: 15 }), (all, perDay, within) => {
        const until = NOW + within * DAY;
        const slow = foresee(all, { spent: perDay, inMs: DAY }, NOW, until);
        const fast = foresee(all, { spent: perDay * 2n, inMs: DAY }, NOW, until);
        const used = slow.reduce((sum, each) => sum + each.expectedUsed, 0n);
        expect(used <= perDay * BigInt(within)).toBe(true);
        for (const each of slow) expect(each.expectedUsed + each.expectedToExpire).toBe(each.free);
        const expiring = (of: typeof slow) => of.reduce((sum, each) => sum + each.expectedToExpire, 0n);
        expect(expiring(fast) <= expiring(slow)).toBe(true);
      }),
    );
  });
});
