/** How long a process rests so that others get their turn on an account. */
import { expect, test } from '@jest/globals';
import { AccountTurns } from '../../src/accounts/account-turns.js';

const APPEND_MS = 4;

/** Wins with so many appends of others read before each; returns the rest after each win. */
function restsAfter(others: readonly number[], turns = new AccountTurns()): number[] {
  return others.map((each, index) => {
    const now = index * 1_000;
    turns.won(each, APPEND_MS, now);
    return turns.restMs(now);
  });
}

test('alone, it rests once in a while, for as long as another needs to get in', () => {
  const rests = restsAfter(Array(96).fill(0));
  expect(rests.filter((rest) => rest > 0)).toEqual([2, 2, 2]);
  expect(rests.indexOf(2)).toBe(31);
});

test('as soon as another is seen, it rests after each win and reads before the next', () => {
  const turns = new AccountTurns();
  expect(turns.shared).toBe(false);
  expect(restsAfter([1, 0, 1, 3, 0], turns)).toEqual([2, 2, 2, 2, 2]);
  expect(turns.shared).toBe(true);
});

test('it never rests longer than a fiftieth of a second, however slow the store is', () => {
  const slow = new AccountTurns();
  slow.won(3, 10_000, 0);
  expect(slow.restMs(0)).toBe(20);
});

test('when the others are gone it takes every turn again', () => {
  const turns = new AccountTurns();
  restsAfter(Array(20).fill(3), turns);
  const rests = restsAfter(Array(60).fill(0), turns);
  expect(turns.shared).toBe(false);
  expect(rests.slice(20, 45)).toEqual(Array(25).fill(0));
});

test('a rest is over when its time is', () => {
  const turns = new AccountTurns();
  turns.won(1, APPEND_MS, 100);
  expect([turns.restMs(101), turns.restMs(102), turns.restMs(500)]).toEqual([1, 0, 0]);
});
