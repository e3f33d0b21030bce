/** A snapshot is read under the fold that wrote it. Whoever changes the state's shape has to count its version up. */
import { expect, test } from '@jest/globals';
import { FOLD_VERSION } from '../../src/accounts/account-snapshots.js';
import { type Account, copyAccount, initialAccount } from '../../src/accounts/domain/account.js';
import { encodeLossless } from '../../src/accounts/lossless-json.js';
import { given, HOUR } from '../support/account-story.js';

/** Names and kinds of the members, down to the first entry of each Map. */
function shapeOf(value: unknown): unknown {
  if (value instanceof Map) return { map: value.size === 0 ? 'empty' : shapeOf([...value.values()][0]) };
  if (Array.isArray(value)) return [shapeOf(value[0])];
  if (typeof value !== 'object' || value === null) return typeof value;
  const members = Object.entries(value).map(([name, member]) => [name, shapeOf(member)] as const);
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}

test('the members of an account are those of this version', () => {
  expect({ FOLD_VERSION, members: Object.keys(initialAccount()).sort() }).toEqual({
    FOLD_VERSION: 2,
    members: [
      'accountId',
      'adjustments',
      'burnDownOrder',
      'cashRefunds',
      'closed',
      'disputes',
      'grants',
      'keys',
      'lastEventAt',
      'lots',
      'openedTier',
      'receivable',
      'refunds',
      'reservations',
      'tier',
      'username',
    ],
  });
});

const story = () => given().at(HOUR).granted('g', 100n).reserved('a', 10n).reserved('b', 10n).settled('a', 4n);

test('lots, reservations and keys have the members of this version', () => {
  const { lots, reservations, closed, keys } = shapeOf(story().account) as Record<keyof Account, unknown>;
  expect({ FOLD_VERSION, lots, reservations, closed, keys }).toEqual({
    FOLD_VERSION: 2,
    lots: {
      map: {
        costBasis: 'bigint',
        effectiveAt: 'number',
        expiresAt: 'undefined',
        frozen: 'bigint',
        held: 'bigint',
        lotId: 'string',
        priority: 'number',
        remaining: 'bigint',
      },
    },
    reservations: {
      map: {
        amount: 'bigint',
        asked: 'bigint',
        generationId: 'string',
        holds: [{ amount: 'string', lotId: 'string' }],
        keyId: 'string',
        settleBy: 'number',
      },
    },
    closed: {
      older: { map: 'empty' },
      recent: { map: { as: 'string', cost: 'bigint', shortfall: 'bigint' } },
    },
    keys: {
      map: {
        changedAt: 'undefined',
        disabled: 'boolean',
        expiresAt: 'undefined',
        held: 'bigint',
        issuedAt: 'number',
        keyId: 'string',
        kind: 'string',
        limit: 'undefined',
        limitReset: 'undefined',
        name: 'string',
        revoked: 'boolean',
        secretHash: 'string',
        spent: 'bigint',
        windowStart: 'number',
      },
    },
  });
});

test('folding a copy leaves the original as it was, whatever Maps there are', () => {
  const told = story();
  const original = told.account;
  const before = JSON.stringify(encodeLossless(original));
  told.account = copyAccount(original);
  told.granted('g2', 7n).reserved('c', 9n).settled('b', 1n).settled('c', 30n);
  expect(JSON.stringify(encodeLossless(original))).toBe(before);
  expect(JSON.stringify(encodeLossless(told.account))).not.toBe(before);
});
