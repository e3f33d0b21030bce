import { describe, expect, test } from '@jest/globals';
import { adjust, given, HOUR, lotsOf, reserve } from '../support/account-story.js';

const adjusted = (adjustmentId: string, amounts: Record<string, bigint>) => ({
  type: 'CreditsAdjusted',
  data: {
    adjustmentId,
    lines: Object.entries(amounts).map(([lotId, amount]) => ({ lotId, amount: `${amount}` })),
    requestedBy: 'ann',
    approvedBy: 'bob',
    reason: 'a mistake',
  },
});

describe('an adjustment', () => {
  const two = () => given().granted('g', 50n).granted('h', 100n);

  test('gives and takes, lot by lot', () => {
    const story = two().done(adjust('a', { 'lot-1': -20n, 'lot-2': 30n }));
    expect(story.last).toEqual([adjusted('a', { 'lot-1': -20n, 'lot-2': 30n })]);
    expect(lotsOf(story.account)).toEqual({ 'lot-1': 30n, 'lot-2': 130n });
  });

  test('needs two persons', () => {
    expect(two().asked(adjust('a', { 'lot-1': 1n }, 'ann')).rejection).toEqual({ reason: 'approver_is_requester' });
  });

  test('takes no more than is free: what is held or frozen stays', () => {
    const story = given().granted('g', 100n, { paymentId: 'p' }).reserved('r', 30n);
    story.done({ type: 'FreezeLots', disputeId: 'd', paymentId: 'p', amount: 20n as never });
    expect(story.asked(adjust('a', { 'lot-1': -51n })).rejection).toEqual({
      reason: 'adjustment_exceeds_free',
      lotId: 'lot-1',
      free: 50n,
    });
    expect(story.done(adjust('a', { 'lot-1': -50n })).account.lots.get('lot-1')).toMatchObject({
      remaining: 50n,
      held: 30n,
      frozen: 20n,
    });
    expect(story.asked(reserve('r2', 1n)).rejection?.reason).toBe('insufficient_credits');
  });

  test('is all or nothing', () => {
    const story = two().asked(adjust('a', { 'lot-2': 30n, 'lot-1': -51n }));
    expect(story.rejection).toEqual({ reason: 'adjustment_exceeds_free', lotId: 'lot-1', free: 50n });
    expect(lotsOf(story.account)).toEqual({ 'lot-1': 50n, 'lot-2': 100n });
  });

  test('opens a lot again that was used up, at its place in the burn-down order', () => {
    const story = given().granted('g', 50n, { priority: 1 }).granted('h', 100n).reserved('r', 50n).settled('r', 50n);
    expect(lotsOf(story.account)).toEqual({ 'lot-2': 100n });
    story.done(adjust('a', { 'lot-1': 10n }));
    expect([...story.account.lots.keys()]).toEqual(['lot-1', 'lot-2']);
    expect(story.asked(adjust('b', { 'lot-1': -11n })).rejection).toEqual({
      reason: 'adjustment_exceeds_free',
      lotId: 'lot-1',
      free: 10n,
    });
    expect(lotsOf(story.done(adjust('b', { 'lot-1': -10n })).account)).toEqual({ 'lot-2': 100n });
    expect(story.asked(adjust('c', { 'lot-1': -1n })).rejection).toMatchObject({ free: 0n });
  });

  test('twice is one; another one under its id is a conflict', () => {
    const story = two().done(adjust('a', { 'lot-1': 1n, 'lot-2': 2n }));
    expect(story.done(adjust('a', { 'lot-1': 1n, 'lot-2': 2n })).last).toEqual([]);
    for (const other of [
      adjust('a', { 'lot-1': 1n }),
      adjust('a', { 'lot-1': 1n, 'lot-2': 3n }),
      adjust('a', { 'lot-2': 2n, 'lot-1': 1n }),
      adjust('a', { 'lot-1': 1n, 'lot-2': 2n }, 'cat'),
    ]) {
      expect(story.asked(other).rejection).toEqual({ reason: 'adjustment_conflict', adjustmentId: 'a' });
    }
    expect(lotsOf(story.account)).toEqual({ 'lot-1': 51n, 'lot-2': 102n });
  });

  test('of a lot that never was, or whose time is over, is refused', () => {
    const story = given().granted('g', 50n, { expiresAt: HOUR });
    expect(story.asked(adjust('a', { none: 1n })).rejection).toEqual({ reason: 'lot_not_found', lotId: 'none' });
    expect(story.at(HOUR).asked(adjust('a', { 'lot-1': 1n })).rejection).toEqual({ reason: 'lot_expired', lotId: 'lot-1' });
    story.expired();
    expect(story.asked(adjust('a', { 'lot-1': 1n })).rejection).toEqual({ reason: 'lot_expired', lotId: 'lot-1' });
    expect(
      story
        .at(HOUR - 1)
        .granted('h', 5n, { effectiveAt: 2 * HOUR })
        .done(adjust('a', { 'lot-2': 1n })).last,
    ).toEqual([adjusted('a', { 'lot-2': 1n })]);
  });
});
