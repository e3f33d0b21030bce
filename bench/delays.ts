/** Suites about the event loop: cells in turns, and how late the loop was in them. */
import type { Load } from './bench.js';
import type { LoopDelay } from './loop-delay.js';
import type { Delayed, OwnGateway } from './own-gateway.js';
import { median, type Row } from './samples.js';

/** What was measured, cell by cell, a figure for each turn. */
export type Delays = Record<string, Delayed[]>;

/**
 * Turns in a round. The worst of many seconds is mostly another process that had the core; the median of what was worst in short
 * turns is what recurs, and that is ours.
 */
const TURNS = 3;

/** Runs every load in turn. */
export async function delaysOf(own: OwnGateway, loads: Readonly<Record<string, Load>>): Promise<Delays> {
  const delays: Delays = {};
  for (let turn = 0; turn < own.rounds * TURNS; turn++) {
    for (const [name, load] of Object.entries(loads)) {
      delays[name] = [...(delays[name] ?? []), await own.delayed(load)];
      process.stderr.write('.');
    }
  }
  return delays;
}

const QUANTILES = ['p99', 'max'] as const;

/** Rows of one cell: how late the loop was. */
export const delayRows = (delays: Delays, cell: string, figure: string): Row[] =>
  QUANTILES.map((quantile) => ({
    figure: `loop late, ${quantile} ms, ${figure}`,
    values: { oneAccount: median(delayIn(delays, cell, quantile)) },
    digits: 1,
  }));

/** How much later the loop was, at worst, than in another cell of the same turn. @param most of it that is good enough */
export function addedRow(delays: Delays, cell: string, without: string, most: number): Row {
  const floors = delayIn(delays, without, 'max');
  const added = delayIn(delays, cell, 'max').map((late, turn) => late - (floors[turn] ?? Number.NaN));
  const target = { of: 'value', oneAccount: most } as const;
  return { figure: '  added at worst, ms', values: { oneAccount: median(added) }, digits: 1, target };
}

export const errorsIn = (delays: Delays): string[] =>
  Object.entries(delays).flatMap(([cell, turns]) =>
    turns.flatMap(({ errors }) => Object.entries(errors).map(([reason, times]) => `${cell}: ${times} x ${reason}`)),
  );

const delayIn = (delays: Delays, cell: string, quantile: keyof LoopDelay): number[] =>
  (delays[cell] ?? []).map(({ delay }) => delay[quantile]);
