/** What the requests of all calls may hold together, and whom a lack of it meets. */
import { expect, test } from '@jest/globals';
import { RequestMemory } from '../../src/embedded/event-store/server/request-memory.js';

const ALL = 256 * 2 ** 20;

test('who takes more than there is is refused, and who takes no more than before is not', () => {
  const memory = new RequestMemory();
  const [small, large] = [memory.holding(), memory.holding()];
  expect(small.set(10)).toBe(true);
  expect(large.set(ALL)).toBe(false);
  expect(small.set(10)).toBe(true);
  expect(small.set(0)).toBe(true);
  expect(small.set(1)).toBe(false);
  large.release();
  expect(small.set(2)).toBe(true);
});

test('it is scarce while half of it is held', () => {
  const memory = new RequestMemory();
  const [one, other] = [memory.holding(), memory.holding()];
  one.set(ALL / 4);
  expect(memory.isScarce).toBe(false);
  other.set(ALL / 4 + 1);
  expect(memory.isScarce).toBe(true);
  one.release();
  one.release();
  expect(memory.isScarce).toBe(false);
});
