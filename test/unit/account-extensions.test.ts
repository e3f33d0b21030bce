import { describe, expect, test } from '@jest/globals';
import {
  extend,
  given,
  grant,
  HOUR,
  issueKey,
  KEY,
  lotsOf,
  parts,
  recover,
  reserve,
  settle,
  settlement,
} from '../support/account-story.js';

const time = (at: number) => new Date(at).toISOString();
const extension = (reservationId: string, amounts: Record<string, bigint>, settleBy: number, keyId = KEY) => ({
  type: 'ReservationExtended',
  data: {
    reservationId,
    generationId: reservationId,
    keyId,
    amount: Object.values(amounts)
      .reduce((sum, amount) => sum + amount, 0n)
      .toString(),
    holds: parts(amounts),
    settleBy: time(settleBy),
  },
});

describe('an extension', () => {
  test('holds what is wanted in addition, from what is free then, and lasts longer', () => {
    const story = given().granted('g', 50n).granted('h', 100n).reserved('r', 40n);
    story.at(1).done(extend('r', 70n, HOUR));
    expect(story.last).toEqual([extension('r', { 'lot-1': 10n, 'lot-2': 20n }, HOUR + 1)]);
    expect(story.available()).toBe(80n);
  });

  test('of the time alone holds nothing more', () => {
    const story = given()
      .granted('g', 50n)
      .reserved('r', 40n)
      .at(1)
      .done(extend('r', 10n, HOUR));
    expect(story.last).toEqual([extension('r', {}, HOUR + 1)]);
    expect(story.available()).toBe(10n);
  });

  test('leaves the reservation the one that was asked for, also after its key was revoked', () => {
    const story = given().granted('g', 90n).reserved('r', 60n).done(extend('r', 80n)).done({ type: 'RevokeApiKey', keyId: KEY });
    expect(story.done(reserve('r', 60n)).last).toEqual([]);
    expect(story.asked(reserve('r', 80n)).rejection?.reason).toBe('reservation_conflict');
  });

  test('never shortens the time, and appends nothing where it would change nothing', () => {
    const story = given()
      .granted('g', 50n)
      .reserved('r', 40n)
      .done(extend('r', 40n, HOUR));
    expect(story.last).toEqual([]);
    expect(story.done(extend('r', 41n, 1)).last).toEqual([extension('r', { 'lot-1': 1n }, HOUR)]);
    expect(story.done(extend('r', 41n, 1)).last).toEqual([]);
  });

  test('is refused where it is not covered, and the reservation stays as it was', () => {
    const story = given()
      .granted('g', 50n)
      .reserved('r', 40n)
      .reserved('other', 5n)
      .asked(extend('r', 46n, 2 * HOUR));
    expect(story.rejection).toEqual({ reason: 'insufficient_credits', needed: 6n, available: 5n, reserved: 45n, owed: 0n });
    expect(story.account.reservations.get('r')).toMatchObject({ amount: 40n, settleBy: HOUR });
  });

  test('of the time alone is given to an account that owes', () => {
    const story = given().granted('g', 50n).reserved('r', 40n).reserved('other', 10n).settled('other', 20n);
    expect(story.asked(extend('r', 41n, HOUR)).rejection).toMatchObject({ reason: 'insufficient_credits', owed: 10n });
    expect(story.at(1).done(extend('r', 40n, HOUR)).last).toEqual([extension('r', {}, HOUR + 1)]);
  });

  test("counts against its key's limit", () => {
    const story = given()
      .granted('g', 500n)
      .done(issueKey('k', { limit: 100n }))
      .done(reserve('r', 60n, 'k'));
    expect(story.asked(extend('r', 101n)).rejection).toEqual({ reason: 'key_limit_exceeded', needed: 41n, remaining: 40n });
    expect(story.done(extend('r', 100n)).last).toEqual([extension('r', { 'lot-1': 40n }, HOUR, 'k')]);
    expect(story.done(settle('r', 30n)).account.keys.get('k')).toMatchObject({ spent: 30n, held: 0n });
  });

  test('is settled hold by hold, in the order in which they were made', () => {
    const story = given().granted('g', 50n).granted('h', 100n).reserved('r', 40n).granted('first', 20n, { priority: 1 });
    story.done(extend('r', 75n)).settled('r', 65n);
    expect(settlement(story.last).debits).toEqual([
      { lotId: 'lot-1', amount: '40' },
      { lotId: 'lot-3', amount: '20' },
      { lotId: 'lot-1', amount: '5' },
    ]);
    expect(settlement(story.last).releases).toEqual(parts({ 'lot-1': 5n, 'lot-2': 5n }));
    expect(lotsOf(story.account)).toEqual({ 'lot-1': 5n, 'lot-2': 100n });
  });

  test('of what has ended appends nothing, of what never was is refused', () => {
    const story = given().granted('g', 50n).reserved('r', 40n).settled('r', 1n);
    expect(story.done(extend('r', 50n, 2 * HOUR)).last).toEqual([]);
    expect(story.asked(extend('none', 1n)).rejection).toEqual({ reason: 'reservation_not_open', reservationId: 'none' });
  });

  test('keeps its pins: it may settle after the lot has expired, until the new time', () => {
    const pinned = () =>
      given()
        .granted('g', 50n, { expiresAt: 2 * HOUR })
        .reserved('r', 40n)
        .at(HOUR)
        .done(extend('r', 40n, 2 * HOUR));
    expect(
      settlement(
        pinned()
          .at(3 * HOUR - 1)
          .settled('r', 30n).last,
      ).debits,
    ).toEqual(parts({ 'lot-1': 30n }));
    expect(
      settlement(
        pinned()
          .at(3 * HOUR)
          .settled('r', 30n).last,
      ),
    ).toMatchObject({ debits: [], shortfall: '30' });
  });
});

describe('the release of what is overdue', () => {
  test('is refused until settleBy, and done at it', () => {
    const story = given()
      .granted('g', 50n)
      .reserved('r', 40n)
      .at(HOUR - 1)
      .asked(recover('r'));
    expect(story.rejection).toEqual({ reason: 'reservation_not_overdue', settleBy: HOUR });
    expect(story.at(HOUR).done(recover('r')).last).toEqual([
      {
        type: 'ReservationReleased',
        data: { reservationId: 'r', generationId: 'r', keyId: KEY, releases: parts({ 'lot-1': 40n }), reason: 'abandoned' },
      },
    ]);
    expect(story.done(recover('r')).last).toEqual([]);
  });

  test('is refused for a call that was extended meanwhile', () => {
    const story = given()
      .granted('g', 50n)
      .reserved('r', 40n)
      .at(HOUR)
      .done(extend('r', 40n, HOUR))
      .asked(recover('r'));
    expect(story.rejection).toEqual({ reason: 'reservation_not_overdue', settleBy: 2 * HOUR });
  });

  test('gives what has expired meanwhile to nobody', () => {
    const story = given()
      .granted('g', 50n, { expiresAt: HOUR })
      .done(grant('h', 5n))
      .reserved('r', 40n)
      .at(HOUR)
      .done(recover('r'));
    expect(story.last.slice(1)).toEqual([{ type: 'CreditsExpired', data: { lotId: 'lot-1', amount: '50' } }]);
    expect(lotsOf(story.account)).toEqual({ 'lot-2': 5n });
  });
});
