import { expect, test } from '@jest/globals';
import { addedRow, delayRows } from '../../bench/delays.js';
import { type LoopDelay, loopDelayOf } from '../../bench/loop-delay.js';
import { renderTable } from '../../bench/report.js';

const turn = (max: number): { delay: LoopDelay } => ({ delay: { p50: 0, p99: max / 2, max } });
/** The third turn of both was another process's. */
const DELAYS = { small: [1, 2, 90].map(turn), large: [4, 6, 200].map(turn) } as never;

test('a figure is the median of the turns, so that what happens once counts for nothing', () => {
  expect(delayRows(DELAYS, 'large', 'large').map(({ values }) => values.oneAccount)).toEqual([3, 6]);
});

test('what is added is looked at turn by turn', () => {
  expect(addedRow(DELAYS, 'large', 'small', 10).values.oneAccount).toBe(4);
});

test('the target says whether it is met', () => {
  expect(renderTable([addedRow(DELAYS, 'large', 'small', 4)])).toMatch(/one <= 4 met$/);
  expect(renderTable([addedRow(DELAYS, 'large', 'small', 3)])).toMatch(/one <= 3 MISSED$/);
});

test('lateness in quantiles; nothing seen is no lateness of zero', () => {
  const late = Array.from({ length: 200 }, (_, index) => index);
  expect(loopDelayOf(late)).toEqual({ p50: 100, p99: 198, max: 199 });
  expect(loopDelayOf([]).max).toBeNaN();
});
