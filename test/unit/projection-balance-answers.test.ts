import { describe, expect, test } from '@jest/globals';
import { available, expiringCredits, nextExpiration, remainingOfKey } from '../../projections/balances/answers.js';
import type { AccountBalance, KeySpending, LotBalance } from '../../projections/balances/balance-tables.projection.js';
import { nano } from '../../src/kernel/credits.js';

const NOW = Date.parse('2026-03-01T12:00:00.000Z');
const DAY_MS = 86_400_000;

const account = (receivable = 0n): AccountBalance => ({
  accountId: 'a1',
  username: 'ada',
  tier: 'free',
  totalEarned: nano(0n),
  totalAdjusted: 0n,
  totalSpent: nano(0n),
  totalExpired: nano(0n),
  totalClawedBack: nano(0n),
  totalCashRefunded: nano(0n),
  receivable: nano(receivable),
  position: 0n,
  revision: 0n,
  lastEventAt: NOW,
});
type LotChange = { lotId?: string; priority?: number; held?: bigint; frozen?: bigint; effectiveAt?: number; expiresAt?: number };
const lot = (remaining: bigint, change: LotChange = {}): LotBalance => ({
  accountId: 'a1',
  lotId: change.lotId ?? 'A',
  kind: 'promo',
  granted: nano(1_000n),
  remaining: nano(remaining),
  held: nano(change.held ?? 0n),
  frozen: nano(change.frozen ?? 0n),
  priority: change.priority ?? 10,
  costBasis: 0n,
  effectiveAt: change.effectiveAt ?? NOW,
  expiresAt: change.expiresAt ?? null,
});
const key = (limit: bigint | null, spentInWindow: bigint, held: bigint, limitReset: 'daily' | null = null): KeySpending => ({
  accountId: 'a1',
  keyId: 'k1',
  limit: limit === null ? null : nano(limit),
  limitReset,
  held: nano(held),
  spentInWindow: nano(spentInWindow),
  windowStart: Date.parse('2026-03-01T00:00:00.000Z'),
  expiresAt: null,
  revoked: false,
});

describe('available', () => {
  test.each<[string, LotBalance[], bigint, bigint]>([
    ['what is held is not available', [lot(100n, { held: 30n }), lot(5n)], 0n, 75n],
    ['what is frozen is not available', [lot(100n, { held: 30n, frozen: 60n }), lot(5n, { frozen: 5n })], 0n, 10n],
    ['a lot is out at its expiry, written or not', [lot(100n, { expiresAt: NOW }), lot(5n, { expiresAt: NOW + 1 })], 0n, 5n],
    ['a lot is in from its effective time', [lot(100n, { effectiveAt: NOW + 1 }), lot(5n, { effectiveAt: NOW })], 0n, 5n],
    ['nothing is available while a receivable stands', [lot(100n)], 1n, 0n],
  ])('%s', (_rule, lots, receivable, expected) => {
    expect(available(account(receivable), lots, NOW)).toBe(expected);
  });
});

test('expiring credits: the free parts, not what is frozen, that expire within seven days, the seventh included', () => {
  const week = NOW + 7 * DAY_MS;
  const lots = [
    lot(100n, { held: 30n, expiresAt: week }),
    lot(50n, { frozen: 45n, expiresAt: week }),
    lot(10n, { expiresAt: week + 1 }),
    lot(1n, { expiresAt: NOW }),
    lot(1n),
  ];
  expect(expiringCredits(lots, NOW)).toBe(75n);
  expect(expiringCredits([lot(100n)], NOW)).toBe(0n);
});

describe('next expiration', () => {
  test.each<[string, LotBalance[], string]>([
    ['the soonest ahead, however far', [lot(1n, { expiresAt: NOW + 400 * DAY_MS }), lot(1n)], '2027-04-05T12:00:00'],
    ['cut to the second, not rounded', [lot(1n, { expiresAt: Date.parse('2026-03-04T23:59:59.999Z') })], '2026-03-04T23:59:59'],
    ['of a lot that is wholly held, too', [lot(1n, { held: 1n, expiresAt: NOW + DAY_MS })], '2026-03-02T12:00:00'],
    ['or wholly frozen', [lot(1n, { frozen: 1n, expiresAt: NOW + DAY_MS })], '2026-03-02T12:00:00'],
    ['empty where nothing expires', [lot(1n), lot(0n, { expiresAt: NOW + 1 }), lot(1n, { expiresAt: NOW })], ''],
  ])('%s', (_rule, lots, expected) => {
    expect(nextExpiration(lots, NOW)).toBe(expected);
  });
});

describe("what is left of a key's limit", () => {
  test.each<[string, KeySpending, number, bigint | undefined]>([
    ['no limit', key(null, 5n, 5n), NOW, undefined],
    ['the limit less what is spent and held', key(100n, 30n, 20n), NOW, 50n],
    ['never below nothing', key(100n, 90n, 20n), NOW, 0n],
    ['a window that has passed counts nothing', key(100n, 30n, 20n, 'daily'), NOW + DAY_MS, 80n],
    ['without a reset spending counts for ever', key(100n, 30n, 20n), NOW + 400 * DAY_MS, 50n],
  ])('%s', (_rule, row, at, expected) => {
    expect(remainingOfKey(row, at)).toBe(expected);
  });
});
