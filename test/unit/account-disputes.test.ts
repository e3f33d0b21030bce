import { describe, expect, test } from '@jest/globals';
import { cashRefund, dispute, given, HOUR, lost, lotsOf, parts, release, won } from '../support/account-story.js';

const frozen = (disputeId: string, claimed: bigint, amount: bigint, paymentId = 'p') => ({
  type: 'LotsFrozen',
  data: { disputeId, paymentId, claimed: `${claimed}`, lots: amount === 0n ? [] : parts({ 'lot-1': amount }) },
});
const unfrozen = (disputeId: string, amount: bigint) => ({
  type: 'LotsUnfrozen',
  data: { disputeId, lots: amount === 0n ? [] : parts({ 'lot-1': amount }) },
});
const clawedBack = (disputeId: string, amount: bigint, receivable: bigint) => ({
  type: 'CreditsClawedBack',
  data: { disputeId, lots: amount === 0n ? [] : parts({ 'lot-1': amount }), receivable: `${receivable}` },
});
const expired = (amount: string) => ({ type: 'CreditsExpired', data: { lotId: 'lot-1', amount } });
const paid = (expiresAt?: number) =>
  given().granted('g', 100n, { paymentId: 'p', ...(expiresAt === undefined ? {} : { expiresAt }) });

describe('a disputed payment', () => {
  test('freezes what is left of its credits: they cannot be spent, expire or be paid back', () => {
    const story = paid(HOUR).reserved('r', 30n).settled('r', 30n).done(dispute('d', 'p'));
    expect(story.last).toEqual([frozen('d', 100n, 70n)]);
    expect(story.available()).toBe(0n);
    expect(story.asked(cashRefund('c', 'p')).rejection).toEqual({ reason: 'refund_exceeds_unused', unused: 0n });
    expect(story.at(HOUR).expired().last).toEqual([]);
    expect(lotsOf(story.account)).toEqual({ 'lot-1': 70n });
  });

  test('leaves the other lots alone', () => {
    const story = paid().granted('h', 10n, { paymentId: 'q' }).granted('i', 20n).done(dispute('d', 'p'));
    expect(story.available()).toBe(30n);
  });

  test('in part freezes no more than is claimed', () => {
    const story = paid().done(dispute('d', 'p', 60n));
    expect(story.last).toEqual([frozen('d', 60n, 60n)]);
    expect(story.available()).toBe(40n);
  });

  test('leaves what is held to its reservation, and freezes what comes back', () => {
    const story = paid().reserved('r', 80n).done(dispute('d', 'p'));
    expect(story.last).toEqual([frozen('d', 100n, 20n)]);
    story.settled('r', 50n);
    expect(story.last.slice(1)).toEqual([frozen('d', 100n, 30n)]);
    expect(story.account.lots.get('lot-1')).toMatchObject({ remaining: 50n, held: 0n, frozen: 50n });
  });

  test('freezes of what comes back no more than is still claimed', () => {
    const story = paid()
      .reserved('r', 80n)
      .done(dispute('d', 'p', 60n));
    expect(story.last).toEqual([frozen('d', 60n, 20n)]);
    expect(story.done(release('r')).last.slice(1)).toEqual([frozen('d', 60n, 40n)]);
    expect(story.available()).toBe(40n);
  });

  test('freezes nothing of an expired lot; what comes back to that expires', () => {
    const story = paid(HOUR).reserved('r', 80n).at(HOUR).done(dispute('d', 'p'));
    expect(story.last).toEqual([frozen('d', 100n, 0n)]);
    story.settled('r', 50n);
    expect(story.last.slice(1)).toEqual([expired('100')]);
  });

  test('twice is one dispute; another one under its id is a conflict, also after it ended', () => {
    const story = paid()
      .granted('h', 9n, { paymentId: 'q' })
      .done(dispute('d', 'p', 60n));
    expect(story.done(dispute('d', 'p', 60n)).last).toEqual([]);
    expect(story.done(dispute('d', 'p')).last).toEqual([]);
    expect(story.asked(dispute('d', 'p', 61n)).rejection).toEqual({ reason: 'dispute_conflict', disputeId: 'd' });
    story.done(won('d'));
    expect(story.asked(dispute('d', 'q', 60n)).rejection).toEqual({ reason: 'dispute_conflict', disputeId: 'd' });
  });

  test('that nobody made is refused', () => {
    expect(paid().asked(dispute('d', 'none')).rejection).toEqual({ reason: 'payment_not_found', paymentId: 'none' });
  });

  test('is disputed for no more than was paid and not paid back', () => {
    const story = paid()
      .done(cashRefund('c', 'p', 30n))
      .asked(dispute('d', 'p', 71n));
    expect(story.rejection).toEqual({ reason: 'dispute_exceeds_payment', disputable: 70n });
    expect(story.asked(dispute('d', 'p', 0n)).rejection).toEqual({ reason: 'dispute_exceeds_payment', disputable: 70n });
    expect(story.done(dispute('d', 'p')).last).toEqual([frozen('d', 70n, 70n)]);
  });
});

describe('a dispute that ends', () => {
  test('won: what was frozen can be spent again', () => {
    const story = paid().reserved('r', 30n).done(dispute('d', 'p')).done(release('r')).done(won('d'));
    expect(story.last).toEqual([unfrozen('d', 100n)]);
    expect(story.available()).toBe(100n);
  });

  test('won after the lot expired: it expires, with what else had not been written', () => {
    const story = paid(HOUR)
      .done(dispute('d', 'p', 60n))
      .at(HOUR)
      .done(won('d'));
    expect(story.last).toEqual([unfrozen('d', 60n), expired('100')]);
    expect(lotsOf(story.account)).toEqual({});
    const written = paid(HOUR)
      .done(dispute('d', 'p', 60n))
      .at(HOUR)
      .expired()
      .done(won('d'));
    expect(written.last).toEqual([unfrozen('d', 60n), expired('60')]);
  });

  test('won while a reservation holds of it: what comes back then is free', () => {
    const story = paid().reserved('r', 80n).done(dispute('d', 'p')).done(won('d')).done(release('r'));
    expect(story.last).toHaveLength(1);
    expect(story.available()).toBe(100n);
  });

  test('lost: what was frozen is gone, what was spent is owed, and the next paid lot repays it', () => {
    const story = paid().reserved('r', 30n).settled('r', 30n).done(dispute('d', 'p')).done(lost('d'));
    expect(story.last).toEqual([clawedBack('d', 70n, 30n)]);
    expect([lotsOf(story.account), story.account.receivable]).toEqual([{}, 30n]);
    story.granted('h', 50n);
    expect(story.last.slice(1)).toEqual([{ type: 'ShortfallRepaid', data: { lotId: 'lot-2', amount: '30' } }]);
    expect(story.available()).toBe(20n);
  });

  test('lost after the lot expired: what was frozen is clawed back and does not expire', () => {
    const story = paid(HOUR).done(dispute('d', 'p')).at(HOUR).done(lost('d'));
    expect(story.last).toEqual([clawedBack('d', 100n, 0n)]);
    expect(story.expired().last).toEqual([]);
  });

  test('lost in part: the rest of the lot stays', () => {
    const story = paid()
      .done(dispute('d', 'p', 60n))
      .done(lost('d'));
    expect(story.last).toEqual([clawedBack('d', 60n, 0n)]);
    expect(story.available()).toBe(40n);
  });

  test('lost while a reservation holds of it: the hold is owed, and stays with the lot when it comes back', () => {
    const story = paid().reserved('r', 80n).done(dispute('d', 'p')).done(lost('d'));
    expect(story.last).toEqual([clawedBack('d', 20n, 80n)]);
    expect(story.done(release('r')).last).toHaveLength(1);
    expect([story.account.receivable, lotsOf(story.account), story.available()]).toEqual([80n, { 'lot-1': 80n }, 0n]);
  });

  test('twice is once; the other way is refused', () => {
    const story = paid().granted('h', 5n, { paymentId: 'q' }).done(dispute('d', 'p')).done(won('d'));
    expect(story.done(won('d')).last).toEqual([]);
    expect(story.asked(lost('d')).rejection).toEqual({ reason: 'dispute_ended', disputeId: 'd', as: 'won' });
    story.done(dispute('e', 'q')).done(lost('e'));
    expect(story.done(lost('e')).last).toEqual([]);
    expect(story.asked(won('e')).rejection).toEqual({ reason: 'dispute_ended', disputeId: 'e', as: 'lost' });
  });

  test('that was never opened is refused', () => {
    expect(paid().asked(won('d')).rejection).toEqual({ reason: 'dispute_not_found', disputeId: 'd' });
    expect(paid().asked(lost('d')).rejection).toEqual({ reason: 'dispute_not_found', disputeId: 'd' });
  });
});

describe('two disputes about one payment', () => {
  test('claim no more together than was paid', () => {
    const story = paid()
      .done(dispute('d', 'p', 60n))
      .asked(dispute('e', 'p', 41n));
    expect(story.rejection).toEqual({ reason: 'dispute_exceeds_payment', disputable: 40n });
    expect(story.done(dispute('e', 'p')).last).toEqual([frozen('e', 40n, 40n)]);
    expect(story.available()).toBe(0n);
  });

  test('end each by itself', () => {
    const story = paid()
      .done(dispute('d', 'p', 60n))
      .done(dispute('e', 'p'))
      .done(lost('d'));
    expect(story.last).toEqual([clawedBack('d', 60n, 0n)]);
    expect(story.done(won('e')).last).toEqual([unfrozen('e', 40n)]);
    expect(lotsOf(story.account)).toEqual({ 'lot-1': 40n });
    expect(story.asked(dispute('f', 'p', 41n)).rejection).toEqual({ reason: 'dispute_exceeds_payment', disputable: 40n });
  });

  test('what one of them gives up when it is won, the other one freezes as far as it claims it', () => {
    const story = paid()
      .reserved('r', 50n)
      .settled('r', 50n)
      .done(dispute('d', 'p', 50n))
      .done(dispute('e', 'p', 40n));
    expect(story.done(won('d')).last).toEqual([unfrozen('d', 50n), frozen('e', 40n, 40n)]);
    expect(story.available()).toBe(10n);
  });

  test('share what comes back, the older one first', () => {
    const story = paid()
      .reserved('r', 70n)
      .done(dispute('d', 'p', 50n))
      .done(dispute('e', 'p', 30n));
    expect(story.last).toEqual([frozen('e', 30n, 0n)]);
    expect(story.done(release('r')).last.slice(1)).toEqual([frozen('d', 50n, 20n), frozen('e', 30n, 30n)]);
    expect(story.available()).toBe(20n);
  });

  test('freeze for the newer one what the older one does not claim', () => {
    const story = paid()
      .reserved('r', 70n)
      .done(dispute('d', 'p', 30n))
      .done(dispute('e', 'p', 50n))
      .settled('r', 50n);
    expect(story.last.slice(1)).toEqual([frozen('e', 50n, 20n)]);
    expect(story.done(lost('e')).last).toEqual([clawedBack('e', 20n, 30n)]);
  });
});
