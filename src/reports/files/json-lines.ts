import { quoted } from '../../event-store/canonical-json.js';
import type { ReportColumn, ReportRow } from '../../kernel/report.js';
import { textOf, valueFrom } from './values.js';

/**
 * JSON Lines: one object a row in the canonical form of RFC 8785, members sorted. Amounts are decimal strings of credits, positions
 * and counts that a double cannot hold are strings too, so that no reader rounds them.
 */
export function jsonLinesOf(columns: readonly ReportColumn[], rows: readonly ReportRow[]): Buffer {
  const members = membersOf(columns);
  let text = '';
  for (const row of rows) {
    let line = '{';
    for (const { column, index, prefix } of members) {
      const value = row[index] ?? null;
      if (line.length > 1) line += ',';
      line += prefix;
      if (value === null) line += 'null';
      else if (column.type === 'count' && isSafe(value as bigint)) line += value;
      else line += quoted(textOf(column, value));
    }
    text += `${line}}\n`;
  }
  return Buffer.from(text);
}

/** The rows that `jsonLinesOf` wrote. */
export function rowsOfJsonLines(columns: readonly ReportColumn[], bytes: Buffer): ReportRow[] {
  const rows: ReportRow[] = [];
  const text = bytes.toString('utf8');
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start);
    const object = JSON.parse(text.slice(start, end)) as Record<string, string | number | null>;
    rows.push(
      columns.map((column) => {
        const value = object[column.name] ?? null;
        return value === null ? null : valueFrom(column, String(value));
      }),
    );
    start = end + 1;
  }
  return rows;
}

const membersOf = (columns: readonly ReportColumn[]) =>
  columns
    .map((column, index) => ({ column, index, prefix: `${quoted(column.name)}:` }))
    .sort((a, b) => (a.column.name < b.column.name ? -1 : 1));

const isSafe = (value: bigint): boolean => value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= -BigInt(Number.MAX_SAFE_INTEGER);
