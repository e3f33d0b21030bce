import { describe, expect, test } from '@jest/globals';
import {
  adjust,
  cashRefund,
  DAY,
  dispute,
  given,
  HOUR,
  lost,
  lotsOf,
  parts,
  refund,
  settlement,
} from '../support/account-story.js';

const refunded = (
  refundId: string,
  credits: Record<string, bigint>,
  { waived = 0n, regranted = 0n, into = 'expire' }: { waived?: bigint; regranted?: bigint; into?: string } = {},
) => ({
  type: 'GenerationRefunded',
  data: {
    refundId,
    generationId: 'r',
    amount: (Object.values(credits).reduce((sum, amount) => sum + amount, 0n) + waived + regranted).toString(),
    credits: parts(credits),
    waived: waived.toString(),
    regranted: regranted.toString(),
    reason: 'asked for',
    intoExpired: into,
  },
});
const expired = (lotId: string, amount: string) => ({ type: 'CreditsExpired', data: { lotId, amount } });

describe('a refund of a generation', () => {
  /** Lot 1 paid 50 and is used up, lot 2 paid 30 and has 70 left. */
  const charged = (expiresAt?: number) =>
    given()
      .granted('g', 50n, expiresAt === undefined ? {} : { expiresAt })
      .granted('h', 100n)
      .reserved('r', 80n)
      .settled('r', 80n);
  const debits = parts({ 'lot-1': 50n, 'lot-2': 30n });

  test('goes back to the lots that paid, the last one first, also to one that was used up', () => {
    const story = charged().done(refund('f', 'r', 40n, debits));
    expect(story.last).toEqual([refunded('f', { 'lot-2': 30n, 'lot-1': 10n })]);
    expect(lotsOf(story.account)).toEqual({ 'lot-1': 10n, 'lot-2': 100n });
    expect(story.available()).toBe(110n);
  });

  test('in parts goes on where the part before it ended', () => {
    const story = charged()
      .done(refund('f1', 'r', 20n, debits))
      .done(refund('f2', 'r', 20n, debits));
    expect(story.last).toEqual([refunded('f2', { 'lot-2': 10n, 'lot-1': 10n })]);
    expect(story.done(refund('f3', 'r', undefined, debits)).last).toEqual([refunded('f3', { 'lot-1': 40n })]);
    expect(lotsOf(story.account)).toEqual({ 'lot-1': 50n, 'lot-2': 100n });
  });

  test('twice is one; another one under its id is a conflict', () => {
    const story = charged().done(refund('f', 'r', 40n, debits));
    expect(story.done(refund('f', 'r', 40n, debits)).last).toEqual([]);
    expect(story.done(refund('f', 'r', undefined, debits)).last).toEqual([]);
    for (const other of [
      refund('f', 'r', 41n, debits),
      refund('f', 'other', 40n, debits),
      refund('f', 'r', 40n, debits, { intoExpired: 'goodwill' }),
    ]) {
      expect(story.asked(other).rejection).toEqual({ reason: 'refund_conflict', refundId: 'f' });
    }
    expect(story.available()).toBe(110n);
  });

  test('of more than was paid, of what was given back, or of nothing is refused', () => {
    const story = charged().asked(refund('f', 'r', 81n, debits));
    expect(story.rejection).toEqual({ reason: 'refund_exceeds_cost', refundable: 80n });
    expect(story.asked(refund('f', 'r', 0n, debits)).rejection).toEqual({ reason: 'refund_exceeds_cost', refundable: 80n });
    story.done(refund('f', 'r', undefined, debits));
    expect(story.asked(refund('f2', 'r', undefined, debits)).rejection).toEqual({
      reason: 'refund_exceeds_cost',
      refundable: 0n,
    });
  });

  test('forgives what nobody could pay first, and then gives back', () => {
    const story = given().granted('g', 50n).reserved('r', 50n).settled('r', 80n);
    const paid = settlement(story.last).debits;
    story.done(refund('f1', 'r', 20n, paid, { shortfall: 30n }));
    expect(story.last).toEqual([refunded('f1', {}, { waived: 20n })]);
    expect(story.account.receivable).toBe(10n);
    story.done(refund('f2', 'r', 20n, paid, { shortfall: 30n }));
    expect(story.last).toEqual([refunded('f2', { 'lot-1': 10n }, { waived: 10n })]);
    expect([story.account.receivable, story.available()]).toEqual([0n, 10n]);
  });

  test('forgives no more than is still owed: what was repaid was paid by another lot', () => {
    const story = given().granted('g', 50n).reserved('r', 50n).settled('r', 80n);
    const paid = settlement(story.last).debits;
    story.granted('h', 25n).asked(refund('f', 'r', 56n, paid, { shortfall: 30n }));
    expect(story.rejection).toEqual({ reason: 'refund_exceeds_cost', refundable: 55n });
    expect(story.done(refund('f', 'r', undefined, paid, { shortfall: 30n })).last).toEqual([
      refunded('f', { 'lot-1': 50n }, { waived: 5n }),
    ]);
    expect([story.account.receivable, story.available()]).toEqual([0n, 50n]);
  });

  test('into an expired lot expires at once', () => {
    const story = charged(HOUR)
      .at(HOUR)
      .done(refund('f', 'r', 40n, debits));
    expect(story.last).toEqual([refunded('f', { 'lot-2': 30n, 'lot-1': 10n }), expired('lot-1', '10')]);
    expect(lotsOf(story.account)).toEqual({ 'lot-2': 100n });
  });

  test('into an expired lot expires with what was left in it, where that was not written yet', () => {
    const story = given().granted('g', 100n, { expiresAt: HOUR }).reserved('r', 60n).settled('r', 60n).at(HOUR);
    story.done(refund('f', 'r', 20n, parts({ 'lot-1': 60n })));
    expect(story.last).toEqual([refunded('f', { 'lot-1': 20n }), expired('lot-1', '60')]);
    expect(lotsOf(story.account)).toEqual({});
  });

  test('instead of an expired lot makes a new one, where it says so, for that part alone', () => {
    const story = charged(HOUR)
      .at(HOUR)
      .done(refund('f', 'r', 40n, debits, { intoExpired: 'goodwill' }));
    expect(story.last).toEqual([
      refunded('f', { 'lot-2': 30n }, { regranted: 10n, into: 'goodwill' }),
      {
        type: 'CreditsGranted',
        data: {
          lotId: 'lot-3',
          grantId: 'refund:f',
          kind: 'goodwill',
          amount: '10',
          costBasis: '0',
          currency: 'USD',
          priority: 50,
          effectiveAt: new Date(HOUR).toISOString(),
        },
      },
    ]);
    expect(lotsOf(story.account)).toEqual({ 'lot-2': 100n, 'lot-3': 10n });
    story.done(refund('f2', 'r', undefined, debits, { intoExpired: 'goodwill' }));
    expect(story.last[0]).toEqual(refunded('f2', {}, { regranted: 40n, into: 'goodwill' }));
    expect(story.available()).toBe(150n);
  });

  test('under whose name another grant was made is refused', () => {
    const story = charged(HOUR).granted('refund:f', 1n).at(HOUR);
    expect(story.asked(refund('f', 'r', 40n, debits, { intoExpired: 'goodwill' })).rejection).toEqual({
      reason: 'refund_conflict',
      refundId: 'f',
    });
  });

  test('into a disputed lot is frozen, as far as it is claimed', () => {
    const story = given()
      .granted('g', 100n, { paymentId: 'p' })
      .reserved('r', 80n)
      .settled('r', 80n)
      .done(dispute('d', 'p', 50n));
    story.done(refund('f', 'r', 40n, parts({ 'lot-1': 80n })));
    expect(story.last).toEqual([
      refunded('f', { 'lot-1': 40n }),
      { type: 'LotsFrozen', data: { disputeId: 'd', paymentId: 'p', claimed: '50', lots: parts({ 'lot-1': 30n }) } },
    ]);
    expect(story.account.lots.get('lot-1')).toMatchObject({ remaining: 60n, frozen: 50n });
    expect(story.available()).toBe(10n);
  });

  test('of what was never charged is refused', () => {
    expect(given().asked(refund('f', 'none', undefined, [])).rejection).toEqual({
      reason: 'refund_exceeds_cost',
      refundable: 0n,
    });
  });
});

describe('a refund of a payment', () => {
  const paid = () => given().granted('g', 100n, { paymentId: 'p' });
  const cashed = (refundId: string, amount: bigint) => ({
    type: 'TopUpRefunded',
    data: { refundId, paymentId: 'p', lotId: 'lot-1', amount: `${amount}`, cash: `${amount}`, currency: 'USD' },
  });

  test('takes out what is unused, for the price that was paid', () => {
    const story = paid().reserved('r', 30n).settled('r', 10n).reserved('r2', 20n).done(cashRefund('c', 'p'));
    expect(story.last).toEqual([cashed('c', 70n)]);
    expect(story.account.lots.get('lot-1')).toMatchObject({ remaining: 20n, held: 20n });
  });

  test('of more than is unused, or of nothing, is refused', () => {
    const story = paid()
      .reserved('r', 30n)
      .asked(cashRefund('c', 'p', 71n));
    expect(story.rejection).toEqual({ reason: 'refund_exceeds_unused', unused: 70n });
    expect(story.asked(cashRefund('c', 'p', 0n)).rejection).toEqual({ reason: 'refund_exceeds_unused', unused: 70n });
    expect(story.done(cashRefund('c', 'p', 70n)).asked(cashRefund('c2', 'p')).rejection).toEqual({
      reason: 'refund_exceeds_unused',
      unused: 0n,
    });
  });

  test('twice is one; another one under its id is a conflict', () => {
    const story = paid()
      .granted('h', 9n, { paymentId: 'q' })
      .done(cashRefund('c', 'p', 30n));
    expect(story.done(cashRefund('c', 'p', 30n)).last).toEqual([]);
    expect(story.done(cashRefund('c', 'p')).last).toEqual([]);
    expect(story.asked(cashRefund('c', 'p', 31n)).rejection).toEqual({ reason: 'refund_conflict', refundId: 'c' });
    expect(story.asked(cashRefund('c', 'q', 30n)).rejection).toEqual({ reason: 'refund_conflict', refundId: 'c' });
  });

  test('that nobody made is refused', () => {
    expect(given().granted('g', 1n).asked(cashRefund('c', 'p')).rejection).toEqual({
      reason: 'payment_not_found',
      paymentId: 'p',
    });
  });

  test('of expired credits is refused', () => {
    const story = given().granted('g', 100n, { paymentId: 'p', expiresAt: DAY }).at(DAY).asked(cashRefund('c', 'p'));
    expect(story.rejection).toEqual({ reason: 'refund_exceeds_unused', unused: 0n });
    expect(story.at(DAY - 1).done(cashRefund('c', 'p')).last).toEqual([cashed('c', 100n)]);
  });

  test('is not given to an account that owes', () => {
    const story = paid().granted('h', 10n, { priority: 1 }).reserved('r', 10n).reserved('all', 100n).settled('r', 15n);
    expect(story.asked(cashRefund('c', 'p')).rejection).toEqual({ reason: 'account_owes', owed: 5n });
  });

  test('of what a dispute has frozen is refused', () => {
    const story = paid().done(dispute('d', 'p', 60n));
    expect(story.asked(cashRefund('c', 'p', 41n)).rejection).toEqual({ reason: 'refund_exceeds_unused', unused: 40n });
    expect(story.done(cashRefund('c', 'p')).last).toEqual([cashed('c', 40n)]);
  });

  test('never pays for credits that were not paid for', () => {
    const story = paid().done(adjust('a', { 'lot-1': 50n }));
    expect(story.asked(cashRefund('c', 'p', 101n)).rejection).toEqual({ reason: 'refund_exceeds_unused', unused: 100n });
    expect(story.done(cashRefund('c', 'p')).last).toEqual([cashed('c', 100n)]);
    expect(story.available()).toBe(50n);
    expect(story.asked(dispute('d', 'p')).rejection).toEqual({ reason: 'dispute_exceeds_payment', disputable: 0n });
  });

  test('never pays again what a lost dispute has taken back', () => {
    const story = paid().reserved('r', 40n).settled('r', 40n).done(dispute('d', 'p')).done(lost('d')).granted('h', 40n);
    story.done(refund('f', 'r', undefined, parts({ 'lot-1': 40n })));
    expect([story.account.receivable, story.available()]).toEqual([0n, 40n]);
    expect(story.asked(cashRefund('c', 'p')).rejection).toEqual({ reason: 'refund_exceeds_unused', unused: 0n });
  });
});
