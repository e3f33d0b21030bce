import type { ReportColumn, ReportRow } from '../../kernel/report.js';

/** What the control record says of the rows, so that whoever imports a file can see that it is whole. */
export interface Totals {
  readonly rows: bigint;
  /** Nano-credits. */
  readonly debits: bigint;
  readonly credits: bigint;
  /** Of the events in the rows; undefined where there is none, or no such column. */
  readonly firstPosition: bigint | undefined;
  readonly lastPosition: bigint | undefined;
}

export const NO_TOTALS: Totals = { rows: 0n, debits: 0n, credits: 0n, firstPosition: undefined, lastPosition: undefined };

/** Adds rows up. */
export function addRows(before: Totals, columns: readonly ReportColumn[], rows: readonly ReportRow[]): Totals {
  const sum = { debits: before.debits, credits: before.credits };
  let { firstPosition, lastPosition } = before;
  for (const [index, { total, type }] of columns.entries()) {
    if (total === undefined && type !== 'position') continue;
    for (const row of rows) {
      const value = row[index];
      if (typeof value !== 'bigint') continue;
      if (total !== undefined) sum[total] += value;
      if (type !== 'position') continue;
      if (firstPosition === undefined || value < firstPosition) firstPosition = value;
      if (lastPosition === undefined || value > lastPosition) lastPosition = value;
    }
  }
  return { rows: before.rows + BigInt(rows.length), ...sum, firstPosition, lastPosition };
}
