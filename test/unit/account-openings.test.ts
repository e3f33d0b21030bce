import { describe, expect, test } from '@jest/globals';
import type { AccountCommand } from '../../src/accounts/domain/account.decider.js';
import { nano } from '../../src/kernel/credits.js';
import { DAY, given, grant, HOUR, reserve, Story, settle } from '../support/account-story.js';

const open = (welcomeCredits?: bigint): AccountCommand => ({
  type: 'OpenAccount',
  accountId: 'a',
  username: 'u',
  tier: 'premium',
  ...(welcomeCredits === undefined ? {} : { welcomeCredits: nano(welcomeCredits) }),
});
const opened = {
  type: 'AccountOpened',
  data: { accountId: 'a', username: 'u', tier: 'premium', burnDownOrder: 'mcphub@1', overdraftPolicy: 'none' },
};

describe('an account that is opened', () => {
  test('has nothing, where its tier gives nothing', () => {
    expect(new Story().done(open()).last).toEqual([opened]);
    expect(new Story().done(open(0n)).last).toEqual([opened]);
  });

  test('has its welcome credits, as a promotion that does not expire', () => {
    const story = new Story().at(HOUR).done(open(5n));
    expect(story.last).toEqual([
      opened,
      {
        type: 'CreditsGranted',
        data: {
          lotId: 'lot-1',
          grantId: 'welcome',
          kind: 'promo',
          amount: '5',
          costBasis: '0',
          currency: 'USD',
          priority: 50,
          effectiveAt: new Date(HOUR).toISOString(),
        },
      },
    ]);
    expect(story.available()).toBe(5n);
  });

  test('is welcomed once: opening it again gives nothing, and nobody else is granted under that id', () => {
    const story = new Story().done(open(5n)).done(open(5n));
    expect(story.last).toEqual([]);
    expect(story.asked(grant('welcome', 7n)).rejection).toEqual({ reason: 'grant_conflict', grantId: 'welcome' });
    expect(story.granted('g', 1n).last).toMatchObject([{ data: { lotId: 'lot-2' } }]);
  });

  test('is not there before: every other command is refused', () => {
    const commands: AccountCommand[] = [
      { type: 'ChangeTier', tier: 'free' },
      { type: 'ExpireCredits' },
      { type: 'UnfreezeLots', disputeId: 'd' },
      grant('g', 1n),
      reserve('r', 1n),
      settle('r', 1n),
    ];
    for (const command of commands) expect(new Story().asked(command).rejection).toEqual({ reason: 'account_not_found' });
  });
});

describe('a change of tier', () => {
  test('says from what to what, and changes nothing else', () => {
    const story = given().granted('g', 10n).reserved('r', 4n).at(DAY).done({ type: 'ChangeTier', tier: 'enterprise' });
    expect(story.last).toEqual([{ type: 'TierChanged', data: { from: 'free', to: 'enterprise' } }]);
    expect([story.account.tier, story.available()]).toEqual(['enterprise', 6n]);
    expect(story.settled('r', 4n).available()).toBe(6n);
  });

  test('leaves its opening what it was: asked again, that appends nothing', () => {
    const story = given().done({ type: 'ChangeTier', tier: 'premium' });
    expect(story.done({ type: 'OpenAccount', accountId: 'a', username: 'u', tier: 'free' }).last).toEqual([]);
  });

  test('to the tier that it has appends nothing', () => {
    expect(given().done({ type: 'ChangeTier', tier: 'free' }).last).toEqual([]);
  });
});
