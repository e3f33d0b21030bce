import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { available, remainingOfKey } from '../../projections/balances/answers.js';
import type { BalanceTables } from '../../projections/balances/balance-tables.projection.js';
import { balances } from '../../projections/balances/balances.projection.js';
import { spentInWindow } from '../../projections/balances/row-changes.projection.js';
import { available as availableToAccount, spentInWindow as spentByAccount } from '../../src/accounts/domain/account.js';
import { remainingOfKey as remainingToAccount } from '../../src/accounts/domain/coverage.js';
import { HOUR_MS, histories } from '../support/account-histories.js';
import { Tables } from '../support/projection-tables.js';

type AnyLot = Pick<BalanceTables['lots'], 'lotId' | 'remaining' | 'held' | 'frozen'>;
const asLots = (lots: Iterable<AnyLot>) =>
  new Map([...lots].map(({ lotId, remaining, held, frozen }) => [lotId, { remaining, held, frozen }]));

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);

describe('balances, for every history that the write side can produce', () => {
  test('no credit is lost: what was earned remains, or was spent, expired, clawed back or paid back', () => {
    fc.assert(
      fc.property(histories, (world) => {
        const tables = new Tables(balances).fold(world.facts);
        for (const account of tables.rows.accounts.values()) {
          const lots = tables.of('lots', account.accountId);
          const reserved = tables.of('reservations', account.accountId);
          const { totalSpent, totalExpired, totalClawedBack, totalCashRefunded } = account;
          const gone = totalSpent + totalExpired + totalClawedBack + totalCashRefunded;
          expect(account.totalEarned).toBe(sum(lots.map(({ remaining }) => remaining)) + gone);
          expect(account.totalEarned).toBe(sum(lots.map(({ granted }) => granted)) + account.totalAdjusted);
          expect(sum(lots.map(({ held }) => held))).toBe(sum(reserved.map(({ amount }) => amount)));
          expect(sum(tables.of('keys', account.accountId).map(({ held }) => held))).toBe(
            sum(reserved.map(({ amount }) => amount)),
          );
        }
      }),
      { numRuns: 150 },
    );
  });

  test('the answers are those that the write side decides by', () => {
    fc.assert(
      fc.property(histories, fc.nat(48), (world, hoursLater) => {
        const tables = new Tables(balances).fold(world.facts);
        const at = world.now + hoursLater * HOUR_MS;
        for (const [accountId, state] of world.accounts) {
          const [account] = tables.of('accounts', accountId);
          if (!account) throw new Error('no row');
          expect(available(account, tables.of('lots', accountId), at)).toBe(availableToAccount(state, at));
          expect([account.receivable, account.tier]).toEqual([state.receivable, state.tier]);
          expect(asLots(tables.of('lots', accountId).filter(({ remaining }) => remaining > 0n))).toEqual(
            asLots(state.lots.values()),
          );
          const reserved = tables.of('reservations', accountId).map((row) => [row.reservationId, row.amount, row.settleBy]);
          const open = [...state.reservations].map(([id, { amount, settleBy }]) => [id, amount, settleBy]);
          expect(reserved.sort()).toEqual(open.sort());
          for (const row of tables.of('keys', accountId)) {
            const key = state.keys.get(row.keyId);
            if (!key) throw new Error('no key');
            expect(spentInWindow(row, at)).toBe(spentByAccount(key, at));
            expect(remainingOfKey(row, at)).toBe(remainingToAccount(key, at));
            expect([row.revoked, row.limit, row.limitReset]).toEqual([key.revoked, key.limit ?? null, key.limitReset ?? null]);
          }
        }
      }),
      { numRuns: 600 },
    );
  });

  test('the histories know every event', () => {
    const worlds = fc.sample(histories, { seed: 20260301, numRuns: 500 });
    const types = new Set(worlds.flatMap(({ facts }) => facts.map(({ type }) => type)));
    expect([...types].sort()).toEqual([
      'AccountOpened',
      'ApiKeyChanged',
      'ApiKeyIssued',
      'ApiKeyRevoked',
      'CreditsAdjusted',
      'CreditsClawedBack',
      'CreditsExpired',
      'CreditsGranted',
      'CreditsReserved',
      'GenerationRefunded',
      'LateSettlementRecorded',
      'LotsFrozen',
      'LotsUnfrozen',
      'ReservationExtended',
      'ReservationReleased',
      'ReservationSettled',
      'ShortfallRepaid',
      'TierChanged',
      'TopUpRefunded',
    ]);
  });

  test('how the events are cut into batches does not matter', () => {
    fc.assert(
      fc.property(histories, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (world, sizes) => {
        const cut = new Tables(balances);
        for (let from = 0, n = 0; from < world.facts.length; n++) {
          const size = sizes[n % sizes.length] as number;
          cut.fold(world.facts.slice(from, from + size));
          from += size;
        }
        expect(cut.sorted()).toEqual(new Tables(balances).fold(world.facts).sorted());
      }),
      { numRuns: 100 },
    );
  });
});
