import { describe, expect, test } from '@jest/globals';
import type { AccountCommand } from '../../src/accounts/domain/account.decider.js';
import { given, HOUR, issueKey, KEY, lotsOf, parts, release, reserve, type Story, settle } from '../support/account-story.js';

const { type: _type, reservationId: _id, ...facts } = settle('r', 30n) as Extract<AccountCommand, { type: 'SettleReservation' }>;
const late = (debits: Record<string, bigint>, shortfall: bigint, keyId = KEY) => ({
  type: 'LateSettlementRecorded',
  data: { reservationId: 'r', generationId: 'r', keyId, ...facts, debits: parts(debits), shortfall: shortfall.toString() },
});
const evidence = { releasedEarlier: { generationId: 'r', keyId: KEY } };
/** So many other reservations end that nothing is remembered of those before. */
function forgetting(story: Story): Story {
  for (let index = 0; index < 512; index++) story.reserved(`other-${index}`, 0n).done(release(`other-${index}`));
  return story;
}

describe('usage that becomes known after the release', () => {
  const released = () => given().granted('g', 100n).reserved('r', 60n).done(release('r'));

  test('is charged to what is free then, in burn-down order', () => {
    const story = released().granted('first', 20n, { priority: 1 }).settled('r', 30n);
    expect(story.last).toEqual([late({ 'lot-2': 20n, 'lot-1': 10n }, 0n)]);
    expect(lotsOf(story.account)).toEqual({ 'lot-1': 90n });
    expect(story.account.keys.get(KEY)).toMatchObject({ spent: 30n, held: 0n });
  });

  test('is charged once', () => {
    const story = released().settled('r', 30n).settled('r', 30n);
    expect(story.last).toEqual([]);
    expect(story.done(release('r')).last).toEqual([]);
    expect(lotsOf(story.account)).toEqual({ 'lot-1': 70n });
  });

  test("takes nothing from another's hold: the rest is owed", () => {
    const story = released().reserved('other', 80n).settled('r', 30n);
    expect(story.last).toEqual([late({ 'lot-1': 20n }, 10n)]);
    expect(story.account.receivable).toBe(10n);
    expect(story.account.lots.get('lot-1')).toMatchObject({ remaining: 80n, held: 80n });
  });

  test('is owed whole while the account owes', () => {
    const story = released().reserved('other', 90n).settled('other', 120n).granted('promo', 50n, { kind: 'promo' });
    expect(story.settled('r', 30n).last).toEqual([late({}, 30n)]);
    expect(story.account.receivable).toBe(50n);
  });

  test('takes nothing from a lot that expired, although the reservation had held it', () => {
    const story = given()
      .granted('g', 100n, { expiresAt: HOUR / 2 })
      .reserved('r', 60n)
      .done(release('r'))
      .at(HOUR / 2);
    expect(story.settled('r', 30n).last).toEqual([late({}, 30n)]);
  });

  test('counts in the window in which it became known', () => {
    const story = given()
      .granted('g', 100n)
      .done(issueKey('k', { limit: 50n, reset: 'daily' }))
      .done(reserve('r', 40n, 'k'));
    story
      .done(release('r'))
      .at(24 * HOUR)
      .settled('r', 30n);
    expect(story.last).toEqual([late({ 'lot-1': 30n }, 0n, 'k')]);
    expect(story.asked(reserve('next', 21n, 'k')).rejection).toEqual({
      reason: 'key_limit_exceeded',
      needed: 21n,
      remaining: 20n,
    });
  });

  test('is refused where the release is forgotten, and charged on the evidence of the stream, once', () => {
    const story = forgetting(released());
    expect(story.asked(settle('r', 30n)).rejection).toEqual({ reason: 'reservation_not_open', reservationId: 'r' });
    story.done({ ...settle('r', 30n), ...evidence } as AccountCommand);
    expect(story.last).toEqual([late({ 'lot-1': 30n }, 0n)]);
    expect(story.done({ ...settle('r', 30n), ...evidence } as AccountCommand).last).toEqual([]);
    expect(story.settled('r', 30n).last).toEqual([]);
  });

  test('is not charged on evidence that the account knows better', () => {
    const story = given().granted('g', 100n).reserved('r', 60n).settled('r', 30n);
    expect(story.done({ ...settle('r', 30n), ...evidence } as AccountCommand).last).toEqual([]);
    expect(lotsOf(story.account)).toEqual({ 'lot-1': 70n });
  });

  test('of the last 256 releases at least each is remembered', () => {
    const story = released();
    for (let index = 0; index < 256; index++) story.reserved(`other-${index}`, 0n).done(release(`other-${index}`));
    expect(story.settled('r', 30n).last).toEqual([late({ 'lot-1': 30n }, 0n)]);
  });
});
