import { describe, expect, test } from '@jest/globals';
import type { CreditsReserved } from '../../src/accounts/domain/accounts.events.js';
import { DAY, given, HOUR, parts, type Story } from '../support/account-story.js';

/** The lots in the order in which a reservation of all that is free takes them. */
const order = (story: Story): string[] => {
  const [reserved] = story.reserved('all', story.available()).last as [CreditsReserved];
  return reserved.data.holds.map(({ lotId }) => lotId);
};

describe('the burn-down order mcphub@1', () => {
  test('goes by priority before all else', () => {
    const story = given().granted('a', 1n, { priority: 2, kind: 'promo', expiresAt: HOUR }).granted('b', 1n, { priority: 1 });
    expect(order(story)).toEqual(['lot-2', 'lot-1']);
  });

  test('then by expiry, what does not expire last', () => {
    const story = given()
      .granted('a', 1n, { kind: 'promo' })
      .granted('b', 1n, { expiresAt: 2 * DAY })
      .granted('c', 1n, { expiresAt: DAY });
    expect(order(story)).toEqual(['lot-3', 'lot-2', 'lot-1']);
  });

  test('then free before paid', () => {
    const story = given()
      .granted('a', 1n, { expiresAt: DAY })
      .granted('b', 1n, { kind: 'promo', expiresAt: DAY })
      .granted('c', 1n)
      .granted('d', 1n, { kind: 'goodwill' });
    expect(order(story)).toEqual(['lot-2', 'lot-1', 'lot-4', 'lot-3']);
  });

  test('then by the time from which it may pay', () => {
    const story = given().granted('a', 1n, { effectiveAt: 2 }).granted('b', 1n, { effectiveAt: 1 }).at(2);
    expect(order(story)).toEqual(['lot-2', 'lot-1']);
  });

  test('then by the id of the lot, as text: it is total', () => {
    const story = given();
    for (let index = 1; index <= 10; index++) story.granted(`g${index}`, 1n);
    expect(order(story)).toEqual(['lot-1', 'lot-10', ...[2, 3, 4, 5, 6, 7, 8, 9].map((index) => `lot-${index}`)]);
  });

  test('leaves out what is not yet effective, has expired, or is held or frozen', () => {
    const story = given()
      .granted('later', 1n, { priority: 0, effectiveAt: HOUR + 1 })
      .granted('over', 1n, { priority: 0, expiresAt: HOUR })
      .granted('frozen', 5n, { priority: 0, paymentId: 'p' })
      .granted('held', 5n, { priority: 1 })
      .granted('free', 5n);
    story.done({ type: 'FreezeLots', disputeId: 'd', paymentId: 'p', amount: 4n as never }).at(HOUR);
    story.reserved('r1', 4n);
    expect(story.last).toMatchObject([{ data: { holds: parts({ 'lot-3': 1n, 'lot-4': 3n }) } }]);
    expect(story.reserved('r2', 7n).last).toMatchObject([{ data: { holds: parts({ 'lot-4': 2n, 'lot-5': 5n }) } }]);
    expect(story.available()).toBe(0n);
  });
});
