import { describe, expect, test } from '@jest/globals';
import { DAY, given, grant, HOUR, KEY, lotsOf, release, reserve, settle } from '../support/account-story.js';

describe('grants', () => {
  test('the same grant twice is one grant; the same id for another is a conflict', () => {
    const story = given().granted('g', 100n).asked(grant('g', 100n));
    expect(story.last).toEqual([]);
    expect(story.asked(grant('g', 101n)).rejection).toEqual({ reason: 'grant_conflict', grantId: 'g' });
    expect(story.available()).toBe(100n);
  });

  test('a grant that has already expired is refused', () => {
    expect(
      given()
        .at(DAY)
        .asked(grant('g', 1n, { expiresAt: DAY })).rejection,
    ).toEqual({ reason: 'expiry_in_past', field: 'expires_at' });
  });

  test('a lot that is not yet effective does not pay', () => {
    const story = given().granted('later', 100n, { effectiveAt: DAY });
    expect(story.available()).toBe(0n);
    expect(story.at(DAY).available()).toBe(100n);
  });
});

describe('reservations', () => {
  test('what is held cannot be reserved again', () => {
    const story = given().granted('g', 100n).reserved('r1', 60n).asked(reserve('r2', 41n));
    expect(story.rejection).toEqual({ reason: 'insufficient_credits', needed: 41n, available: 40n, reserved: 60n, owed: 0n });
    expect(story.reserved('r3', 40n).available()).toBe(0n);
  });

  test('the same reservation twice is one; another under its id is a conflict, also after it ended', () => {
    const story = given().granted('g', 100n).reserved('r', 60n).asked(reserve('r', 60n));
    expect(story.last).toEqual([]);
    expect(story.asked(reserve('r', 61n)).rejection?.reason).toBe('reservation_conflict');
    expect(story.settled('r', 1n).asked(reserve('r', 60n)).rejection?.reason).toBe('reservation_conflict');
  });

  test('a lot that expires at t cannot be used at t, whether or not its expiry was written', () => {
    const story = given()
      .granted('g', 100n, { expiresAt: HOUR })
      .at(HOUR - 1);
    expect(story.available()).toBe(100n);
    expect(story.at(HOUR).asked(reserve('r', 1n)).rejection?.reason).toBe('insufficient_credits');
  });

  test('a revoked or expired key reserves nothing', () => {
    const story = given().granted('g', 100n).done({ type: 'RevokeApiKey', keyId: KEY }).asked(reserve('r', 1n));
    expect(story.rejection).toEqual({ reason: 'key_not_usable' });
    story.done({
      type: 'IssueApiKey',
      keyId: 'k2',
      secretHash: 'h',
      name: 'n',
      limit: undefined,
      limitReset: undefined,
      expiresAt: DAY,
    });
    expect(story.at(DAY).asked(reserve('r', 1n, 'k2')).rejection).toEqual({ reason: 'key_not_usable' });
  });

  test("a key's limit counts what it has spent in the window and what it holds", () => {
    const story = given().granted('g', 1000n);
    story.done({
      type: 'IssueApiKey',
      keyId: 'k',
      secretHash: 'h',
      name: 'n',
      limit: 100n as never,
      limitReset: 'daily',
      expiresAt: undefined,
    });
    story.asked(reserve('r1', 60n, 'k')).asked(reserve('r2', 41n, 'k'));
    expect(story.rejection).toEqual({ reason: 'key_limit_exceeded', needed: 41n, remaining: 40n });
    story.settled('r1', 50n).asked(reserve('r3', 51n, 'k'));
    expect(story.rejection).toEqual({ reason: 'key_limit_exceeded', needed: 51n, remaining: 50n });
    expect(story.at(DAY).asked(reserve('r4', 100n, 'k')).rejection).toBeUndefined();
  });

  test('a reservation of nothing holds nothing and can be settled', () => {
    const story = given().reserved('r', 0n).settled('r', 0n);
    expect(story.last).toHaveLength(1);
  });
});

describe('ends of reservations', () => {
  test('settling or releasing what has ended appends nothing', () => {
    const story = given().granted('g', 100n).reserved('r', 60n).settled('r', 10n).asked(settle('r', 20n));
    expect([story.last, story.rejection]).toEqual([[], undefined]);
    expect(story.asked(release('r')).last).toEqual([]);
    expect(story.available()).toBe(90n);
  });

  test('what was never reserved cannot be charged', () => {
    expect(given().granted('g', 100n).asked(settle('r', 1n)).rejection).toEqual({
      reason: 'reservation_not_open',
      reservationId: 'r',
    });
  });

  test('a release gives everything back to the lots it came from', () => {
    const story = given().granted('a', 50n).granted('b', 50n).reserved('r', 80n).done(release('r'));
    expect(lotsOf(story.account)).toEqual({ 'lot-1': 50n, 'lot-2': 50n });
    expect(story.available()).toBe(100n);
  });

  test("cost beyond the hold never takes from another reservation's hold", () => {
    const story = given().granted('g', 100n).reserved('mine', 40n).reserved('other', 50n).settled('mine', 70n);
    expect(story.account.receivable).toBe(20n);
    expect(story.account.lots.get('lot-1')).toMatchObject({ remaining: 50n, held: 50n });
    expect(story.settled('other', 50n).account.receivable).toBe(20n);
  });

  test('while a shortfall stands, nothing is available and nothing is reserved', () => {
    const story = given().granted('g', 10n).reserved('r', 10n).settled('r', 30n).granted('promo', 500n, { kind: 'promo' });
    expect(story.asked(reserve('r2', 1n)).rejection).toMatchObject({ reason: 'insufficient_credits', available: 0n });
  });
});

describe('keys and accounts', () => {
  test('nothing can be asked of an account that was never opened', () => {
    const story = given();
    expect(story.asked({ type: 'RevokeApiKey', keyId: 'none' }).rejection).toEqual({ reason: 'key_not_found', keyId: 'none' });
  });

  test('revoking twice is once', () => {
    expect(given().done({ type: 'RevokeApiKey', keyId: KEY }).done({ type: 'RevokeApiKey', keyId: KEY }).last).toEqual([]);
  });

  test('the same account twice is one, another under its id is a conflict', () => {
    const story = given();
    expect(story.done({ type: 'OpenAccount', accountId: 'a', username: 'u', tier: 'free' }).last).toEqual([]);
    expect(story.asked({ type: 'OpenAccount', accountId: 'a', username: 'v', tier: 'free' }).rejection?.reason).toBe(
      'account_exists',
    );
  });
});
