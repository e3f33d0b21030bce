import { describe, expect, test } from '@jest/globals';
import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import { nano } from '../../src/kernel/credits.js';
import { given, HOUR, lotsOf, parts, refund, settlement } from '../support/account-story.js';

/** The vectors of the money rules, in abstract units: one unit is one nano-credit. */
describe('golden vectors', () => {
  test('G1: the burn-down order decides which lots pay', () => {
    const story = given()
      .granted('A', 500n, { kind: 'promo', priority: 10, expiresAt: 10 * HOUR })
      .granted('B', 1000n, { kind: 'top_up', priority: 10, expiresAt: 10 * HOUR })
      .granted('C', 2000n, { kind: 'top_up', priority: 10 })
      .granted('D', 300n, { kind: 'top_up', priority: 5, expiresAt: 90 * HOUR })
      .at(HOUR)
      .reserved('r', 1200n)
      .settled('r', 1200n);
    expect(settlement(story.last).debits).toEqual(parts({ 'lot-4': 300n, 'lot-1': 500n, 'lot-2': 400n }));
    expect(story.available()).toBe(2600n);
  });

  test('G2: a hold outlives the expiry of its lot, what comes back does not', () => {
    const story = given()
      .granted('A', 100n, { expiresAt: 12 * HOUR })
      .at(12 * HOUR - 60_000)
      .reserved('r', 80n)
      .at(12 * HOUR)
      .expired();
    expect(story.last).toEqual([{ type: 'CreditsExpired', data: { lotId: 'lot-1', amount: '20' } }]);
    expect(story.available()).toBe(0n);
    story.at(12 * HOUR + 180_000).settled('r', 50n);
    expect(settlement(story.last).debits).toEqual(parts({ 'lot-1': 50n }));
    expect(settlement(story.last).releases).toEqual(parts({ 'lot-1': 30n }));
    expect(story.last.slice(1)).toEqual([{ type: 'CreditsExpired', data: { lotId: 'lot-1', amount: '30' } }]);
    expect(lotsOf(story.account)).toEqual({});
  });

  test('G2, where the expiry was not written in time: the free part expires with what comes back', () => {
    const story = given()
      .granted('A', 100n, { expiresAt: 12 * HOUR })
      .at(12 * HOUR - 60_000)
      .reserved('r', 80n)
      .at(12 * HOUR + 1)
      .settled('r', 50n);
    expect(story.last.slice(1)).toEqual([{ type: 'CreditsExpired', data: { lotId: 'lot-1', amount: '50' } }]);
  });

  test('G2, settled after settleBy: the pin is over, so the lot expires whole and the cost is owed', () => {
    const story = given()
      .granted('A', 100n, { expiresAt: 12 * HOUR })
      .at(12 * HOUR - 60_000)
      .reserved('r', 80n)
      .at(13 * HOUR)
      .settled('r', 50n);
    expect(settlement(story.last)).toMatchObject({ debits: [], releases: parts({ 'lot-1': 80n }), shortfall: '50' });
    expect(story.last.slice(1)).toEqual([{ type: 'CreditsExpired', data: { lotId: 'lot-1', amount: '100' } }]);
  });

  test('G3: cost beyond the hold is paid by what is free, then it is a shortfall that the next paid lot repays', () => {
    const story = given().granted('A', 100n).reserved('r', 80n).settled('r', 130n);
    expect(settlement(story.last).debits).toEqual([
      { lotId: 'lot-1', amount: '80' },
      { lotId: 'lot-1', amount: '20' },
    ]);
    expect(settlement(story.last).shortfall).toBe('30');
    expect(story.available()).toBe(0n);
    expect(story.account.receivable).toBe(30n);

    story.granted('P', 500n, { kind: 'promo' });
    expect(story.available()).toBe(0n);
    story.granted('B', 200n, { kind: 'top_up' });
    expect(story.last.map(({ type }: AccountEvent) => type)).toEqual(['CreditsGranted', 'ShortfallRepaid']);
    expect(story.account.receivable).toBe(0n);
    expect(lotsOf(story.account)).toEqual({ 'lot-2': 500n, 'lot-3': 170n });
  });

  test('G4: a refund goes back to the lots that paid, last one first; what has expired expires again', () => {
    const story = given()
      .granted('A', 100n, { kind: 'promo', priority: 50, expiresAt: 10 * HOUR })
      .granted('D', 300n, { priority: 5, expiresAt: 90 * HOUR })
      .at(HOUR)
      .reserved('r', 350n)
      .settled('r', 350n);
    const { debits } = settlement(story.last);
    expect(debits).toEqual(parts({ 'lot-2': 300n, 'lot-1': 50n }));
    story.at(10 * HOUR).expired();
    expect(story.last).toEqual([{ type: 'CreditsExpired', data: { lotId: 'lot-1', amount: '50' } }]);

    story.at(20 * HOUR).done(refund('f', 'r', 80n, debits));
    expect(story.last).toMatchObject([
      { type: 'GenerationRefunded', data: { amount: '80', credits: parts({ 'lot-1': 50n, 'lot-2': 30n }), waived: '0' } },
      { type: 'CreditsExpired', data: { lotId: 'lot-1', amount: '50' } },
    ]);
    // 400 granted = 270 used + 100 breakage + 30 left.
    expect(lotsOf(story.account)).toEqual({ 'lot-2': 30n });
    expect(story.available()).toBe(30n);
  });

  describe('G6: a payment of which 400 were used and 100 paid back is disputed', () => {
    const disputed = () =>
      given()
        .granted('top-up', 1000n, { paymentId: 'p' })
        .reserved('r', 400n)
        .settled('r', 400n)
        .done({ type: 'RefundTopUp', refundId: 'cash', paymentId: 'p', amount: nano(100n) })
        .done({ type: 'FreezeLots', disputeId: 'd', paymentId: 'p', amount: undefined });

    test('what is left is frozen', () => {
      const story = disputed();
      expect(story.last).toEqual([
        { type: 'LotsFrozen', data: { disputeId: 'd', paymentId: 'p', claimed: '900', lots: parts({ 'lot-1': 500n }) } },
      ]);
      expect(story.available()).toBe(0n);
      expect(lotsOf(story.account)).toEqual({ 'lot-1': 500n });
    });

    test('lost: it is clawed back, and what was used is owed', () => {
      const story = disputed().done({ type: 'ClawBackCredits', disputeId: 'd' });
      expect(story.last).toEqual([
        { type: 'CreditsClawedBack', data: { disputeId: 'd', lots: parts({ 'lot-1': 500n }), receivable: '400' } },
      ]);
      expect(story.account.receivable).toBe(400n);
      expect(lotsOf(story.account)).toEqual({});
    });

    test('won: it can be spent again, and nothing is owed', () => {
      const story = disputed().done({ type: 'UnfreezeLots', disputeId: 'd' });
      expect(story.available()).toBe(500n);
      expect(story.account.receivable).toBe(0n);
    });
  });
});
