import { formatSignedCredits } from '../../kernel/credits.js';
import type { ReportColumn, ReportRow } from '../../kernel/report.js';
import { type Instant, instantFromText, instantToText } from '../../kernel/time.js';

export type Value = ReportRow[number];

/** A report made a value that its column cannot hold: a fault of the report, found before anything is stored. */
export class ReportValueWrong extends Error {
  constructor({ name, type }: ReportColumn, value: unknown) {
    super(`column ${name} holds ${type}, not ${value === null ? 'nothing' : `a ${typeof value}`}`);
  }
}

const TYPE_OF_VALUE = {
  text: 'string',
  day: 'string',
  month: 'string',
  instant: 'number',
  count: 'bigint',
  credits: 'bigint',
  position: 'bigint',
} as const;

/** Throws ReportValueWrong. */
export function checkRow(columns: readonly ReportColumn[], row: ReportRow): void {
  if (row.length !== columns.length) throw new Error(`a row has ${row.length} values for ${columns.length} columns`);
  for (let index = 0; index < columns.length; index++) {
    const column = columns[index] as ReportColumn;
    const value = row[index];
    if (value === null ? column.nullable !== true : typeof value !== TYPE_OF_VALUE[column.type])
      throw new ReportValueWrong(column, value);
  }
}

/** A value as text, the same in every place and language: amounts as exact decimals of credits, times as ISO 8601 in UTC. */
export function textOf({ type }: ReportColumn, value: Exclude<Value, null>): string {
  if (type === 'credits') return formatSignedCredits(value as bigint);
  return type === 'instant' ? instantToText(value as Instant) : String(value);
}

/** What `textOf` wrote. */
export function valueFrom({ type }: ReportColumn, text: string): Exclude<Value, null> {
  switch (type) {
    case 'credits':
      return nanoOf(text);
    case 'instant':
      return instantFromText(text);
    case 'count':
    case 'position':
      return BigInt(text);
    default:
      return text;
  }
}

const NANO_DECIMALS = 9;

function nanoOf(decimal: string): bigint {
  const point = decimal.indexOf('.');
  if (point < 0) return BigInt(`${decimal}000000000`);
  return BigInt(decimal.slice(0, point) + decimal.slice(point + 1).padEnd(NANO_DECIMALS, '0'));
}
