import { describe, expect, test } from '@jest/globals';
import type { AccountCommand } from '../../src/accounts/domain/account.decider.js';
import { nano } from '../../src/kernel/credits.js';
import type { LimitReset } from '../../src/kernel/time.js';
import { DAY, given, HOUR, issueKey, lotsOf, release, reserve, type Story, settle } from '../support/account-story.js';

type Terms = Omit<Extract<AccountCommand, { type: 'ChangeApiKey' }>, 'type' | 'keyId' | 'limit'> & { limit?: bigint | null };
const change = ({ limit, ...terms }: Terms, keyId = 'k'): AccountCommand => ({
  type: 'ChangeApiKey',
  keyId,
  ...terms,
  ...(limit === undefined ? {} : { limit: limit === null ? null : nano(limit) }),
});
const changed = (terms: object) => ({ type: 'ApiKeyChanged', data: { keyId: 'k', name: 'n', ...terms } });
const keyed = (about: { limit?: bigint; reset?: LimitReset; expiresAt?: number } = {}) =>
  given().granted('g', 1000n).done(issueKey('k', about));
const spend = (story: Story, id: string, amount: bigint) => story.done(reserve(id, amount, 'k')).settled(id, amount);
/** What the key may still reserve. */
function left(story: Story): bigint {
  const { rejection } = story.asked(reserve('too-much', 1_000_000n, 'k'));
  if (rejection?.reason !== 'key_limit_exceeded') throw new Error(`the key has no limit: ${rejection?.reason}`);
  return rejection.remaining;
}

describe("a key's terms", () => {
  test('change from the next request on; what is not named stays', () => {
    const story = keyed({ limit: 100n, reset: 'daily', expiresAt: 2 * DAY }).at(HOUR);
    expect(story.done(change({ name: 'm' })).last).toEqual([
      changed({ name: 'm', limit: '100', limitReset: 'daily', expiresAt: new Date(2 * DAY).toISOString() }),
    ]);
    expect(story.done(change({ expiresAt: null })).last).toEqual([changed({ name: 'm', limit: '100', limitReset: 'daily' })]);
    expect(story.done(change({ expiresAt: DAY })).last).toEqual([
      changed({ name: 'm', limit: '100', limitReset: 'daily', expiresAt: new Date(DAY).toISOString() }),
    ]);
    expect(story.at(DAY).asked(reserve('r', 1n, 'k')).rejection).toEqual({ reason: 'key_not_usable' });
  });

  test('that stay as they are append nothing', () => {
    const story = keyed({ limit: 100n, reset: 'daily' }).done(change({}));
    expect(story.last).toEqual([]);
    expect(story.done(change({ name: 'n', limit: 100n, limitReset: 'daily', expiresAt: null })).last).toEqual([]);
  });

  test('cannot be changed of a key that is revoked or was never issued', () => {
    const story = keyed().done({ type: 'RevokeApiKey', keyId: 'k' });
    expect(story.asked(change({ name: 'm' })).rejection).toEqual({ reason: 'key_revoked', keyId: 'k' });
    expect(story.asked(change({ name: 'm' }, 'none')).rejection).toEqual({ reason: 'key_not_found', keyId: 'none' });
  });

  test('cannot be a reset without a limit, nor an end in the past', () => {
    expect(keyed().asked(change({ limitReset: 'daily' })).rejection).toEqual({ reason: 'reset_without_limit' });
    expect(keyed({ limit: 1n }).asked(change({ limit: null, limitReset: 'daily' })).rejection).toEqual({
      reason: 'reset_without_limit',
    });
    expect(
      keyed()
        .at(HOUR)
        .asked(change({ expiresAt: HOUR })).rejection,
    ).toEqual({ reason: 'expiry_in_past', field: 'expires_at' });
    expect(
      keyed()
        .at(HOUR)
        .done(change({ expiresAt: HOUR + 1 })).last,
    ).toHaveLength(1);
  });

  test('an expired key can be given time again', () => {
    const story = keyed({ expiresAt: HOUR })
      .at(HOUR)
      .done(change({ expiresAt: DAY }));
    expect(story.asked(reserve('r', 1n, 'k')).rejection).toBeUndefined();
  });

  test('issued again with the same secret are the same key, with another a conflict', () => {
    const story = keyed().done(issueKey('k', { limit: 5n }));
    expect(story.last).toEqual([]);
    const other = { ...issueKey('k'), secretHash: 'other' } as AccountCommand;
    expect(story.asked(other).rejection).toEqual({ reason: 'key_exists', keyId: 'k' });
  });
});

describe("a key's limit", () => {
  test('raised, what was spent and is held counts on', () => {
    const story = spend(keyed({ limit: 100n }), 'r1', 60n).done(reserve('r2', 30n, 'k'));
    expect(left(story)).toBe(10n);
    expect(left(story.done(change({ limit: 150n })))).toBe(60n);
  });

  test('lowered below what was spent leaves nothing, and what is held still settles', () => {
    const story = spend(keyed({ limit: 100n }), 'r1', 60n)
      .done(reserve('r2', 30n, 'k'))
      .done(change({ limit: 50n }));
    expect(left(story)).toBe(0n);
    expect(story.settled('r2', 30n).account.keys.get('k')).toMatchObject({ spent: 90n, held: 0n });
    expect(left(story)).toBe(0n);
  });

  test('lifted, its reset goes with it; set again, it counts anew', () => {
    const story = spend(keyed({ limit: 100n, reset: 'daily' }), 'r1', 60n);
    expect(story.done(change({ limit: null })).last).toEqual([changed({})]);
    spend(story, 'r2', 500n);
    expect(story.done(change({ limit: 600n })).last).toEqual([changed({ limit: '600' })]);
    expect(left(story)).toBe(100n);
  });

  test('with another reset counts anew', () => {
    const story = spend(keyed({ limit: 100n, reset: 'daily' }), 'r1', 60n).done(reserve('r2', 10n, 'k'));
    expect(left(story.done(change({ limitReset: 'monthly' })))).toBe(90n);
    expect(left(spend(story, 'r3', 20n).done(change({ limitReset: null })))).toBe(90n);
  });

  test('with the same reset counts on, and the window ends when it would have', () => {
    const story = spend(keyed({ limit: 100n, reset: 'daily' }), 'r1', 60n).at(DAY - 1);
    expect(left(story.done(change({ limit: 200n, limitReset: 'daily' })))).toBe(140n);
    expect(left(story.at(DAY))).toBe(200n);
  });

  test('holds for each key by itself', () => {
    const story = spend(keyed({ limit: 100n }).done(issueKey('other', { limit: 100n })), 'r1', 60n);
    expect(story.asked(reserve('r2', 100n, 'other')).rejection).toBeUndefined();
    expect(left(story)).toBe(40n);
  });

  test('gets back what a release gives back', () => {
    const story = keyed({ limit: 100n })
      .done(reserve('r', 60n, 'k'))
      .done(release('r'));
    expect([left(story), lotsOf(story.account)]).toEqual([100n, { 'lot-1': 1000n }]);
  });

  test('counts a cost beyond the reservation, and one that nobody could pay', () => {
    const story = given()
      .granted('g', 50n)
      .done(issueKey('k', { limit: 100n }))
      .done(reserve('r', 40n, 'k'))
      .settled('r', 70n);
    expect([left(story), story.account.receivable]).toEqual([30n, 20n]);
  });
});

describe('the window of a limit', () => {
  /** Spends 60 of 100 at one time; what is left at others. */
  const leftAt = (reset: LimitReset | undefined, spentAt: string, times: readonly string[]) => {
    const story = given()
      .at(Date.parse(spentAt) - 1)
      .granted('g', 1000n)
      .done(issueKey('k', { limit: 100n, ...(reset ? { reset } : {}) }))
      .at(Date.parse(spentAt));
    spend(story, 'r', 60n);
    return times.map((time) => left(story.at(Date.parse(time))));
  };

  test.each([
    ['daily', '2026-03-10T00:00:00.000Z', '2026-03-10T23:59:59.999Z', '2026-03-11T00:00:00.000Z'],
    ['daily', '2026-12-31T23:59:59.999Z', '2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00.000Z'],
    ['daily', '2028-02-28T12:00:00.000Z', '2028-02-28T23:59:59.999Z', '2028-02-29T00:00:00.000Z'],
    ['daily', '2028-02-29T12:00:00.000Z', '2028-02-29T23:59:59.999Z', '2028-03-01T00:00:00.000Z'],
    // 2026-11-22 is a Sunday.
    ['weekly', '2026-11-16T00:00:00.000Z', '2026-11-22T23:59:59.999Z', '2026-11-23T00:00:00.000Z'],
    ['weekly', '2026-11-22T23:59:59.999Z', '2026-11-22T23:59:59.999Z', '2026-11-23T00:00:00.000Z'],
    ['weekly', '2026-12-31T12:00:00.000Z', '2027-01-03T23:59:59.999Z', '2027-01-04T00:00:00.000Z'],
    ['weekly', '2028-02-29T12:00:00.000Z', '2028-03-05T23:59:59.999Z', '2028-03-06T00:00:00.000Z'],
    ['monthly', '2026-04-01T00:00:00.000Z', '2026-04-30T23:59:59.999Z', '2026-05-01T00:00:00.000Z'],
    ['monthly', '2027-02-01T12:00:00.000Z', '2027-02-28T23:59:59.999Z', '2027-03-01T00:00:00.000Z'],
    ['monthly', '2028-02-01T12:00:00.000Z', '2028-02-29T23:59:59.999Z', '2028-03-01T00:00:00.000Z'],
    ['monthly', '2026-12-31T23:59:59.999Z', '2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00.000Z'],
    ['monthly', '2100-02-10T12:00:00.000Z', '2100-02-28T23:59:59.999Z', '2100-03-01T00:00:00.000Z'],
  ] as const)('%s: what is spent at %s counts until %s, and no more at %s', (reset, spentAt, last, next) => {
    expect(leftAt(reset, spentAt, [last, next])).toEqual([40n, 100n]);
  });

  test('never ends where the limit is not reset', () => {
    expect(leftAt(undefined, '2026-01-01T00:00:00.000Z', ['2027-01-01T00:00:00.000Z', '2099-01-01T00:00:00.000Z'])).toEqual([
      40n,
      40n,
    ]);
  });

  test('what is held when it ends counts in the next one, and so does what that costs', () => {
    const story = keyed({ limit: 100n, reset: 'daily' }).at(DAY - 1);
    story.done(reserve('r', 60n, 'k')).at(DAY);
    expect(left(story)).toBe(40n);
    expect(left(story.done(settle('r', 50n)))).toBe(50n);
  });

  test('begins with the first of its kind where the kind changes', () => {
    const story = keyed({ limit: 100n }).at(DAY + HOUR);
    spend(story, 'r1', 60n).done(change({ limitReset: 'daily' }));
    expect(left(spend(story, 'r2', 30n))).toBe(70n);
    expect(left(story.at(2 * DAY - 1))).toBe(70n);
    expect(left(story.at(2 * DAY))).toBe(100n);
  });
});

describe('a disabled key', () => {
  test('cannot reserve until it is enabled again; what it holds still settles', () => {
    const story = keyed({ limit: 100n }).done(reserve('r1', 10n, 'k'));
    expect(story.done(change({ disabled: true })).last).toEqual([changed({ limit: '100', disabled: true })]);
    expect(story.asked(reserve('r2', 1n, 'k')).rejection).toEqual({ reason: 'key_not_usable' });
    expect(story.settled('r1', 4n).account.keys.get('k')).toMatchObject({ disabled: true, spent: 4n, held: 0n });
    expect(story.done(change({ disabled: false })).last).toEqual([changed({ limit: '100' })]);
    expect(story.asked(reserve('r2', 1n, 'k')).rejection).toBeUndefined();
  });

  test('stays so while other terms change, and disabling it twice is once', () => {
    const story = keyed().done(change({ disabled: true }));
    expect(story.done(change({ disabled: true })).last).toEqual([]);
    expect(story.done(change({ name: 'm' })).last).toEqual([changed({ name: 'm', disabled: true })]);
  });
});

describe('a management key', () => {
  const managed = () =>
    given()
      .granted('g', 1000n)
      .done({ ...issueKey('k'), kind: 'management' } as AccountCommand);

  test('is issued as one, and an inference key as ever', () => {
    const data = { keyId: 'k', secretHash: 'h', name: 'n' };
    expect(managed().last).toEqual([{ type: 'ApiKeyIssued', data: { ...data, kind: 'management' } }]);
    expect(given().done({ ...issueKey('k'), kind: 'inference' } as AccountCommand).last).toEqual([
      { type: 'ApiKeyIssued', data },
    ]);
  });

  test('reserves nothing, whatever becomes of its terms', () => {
    const story = managed();
    expect(story.asked(reserve('r', 1n, 'k')).rejection).toEqual({ reason: 'key_cannot_infer' });
    story.done(change({ name: 'm', limit: 5n }));
    expect(story.asked(reserve('r', 1n, 'k')).rejection).toEqual({ reason: 'key_cannot_infer' });
  });
});

test('a key knows when it was issued and when its terms changed last', () => {
  const story = given().at(HOUR).done(issueKey('k'));
  expect(story.account.keys.get('k')).toMatchObject({ issuedAt: HOUR, changedAt: undefined });
  story
    .at(DAY)
    .done(change({ name: 'm' }))
    .granted('g', 9n)
    .at(2 * DAY)
    .done(reserve('r', 1n, 'k'));
  expect(story.account.keys.get('k')).toMatchObject({ issuedAt: HOUR, changedAt: DAY });
});
