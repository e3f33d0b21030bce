import { stringify } from 'csv-stringify/sync';
import { textCell } from '../../http/csv-cell.js';
import type { ReportColumn, ReportRow } from '../../kernel/report.js';
import { textOf } from './values.js';

/** CSV of RFC 4180: CRLF, quotes where needed, a header; what is absent is empty. UTF-8 without a mark. */
export const csvHeader = (columns: readonly ReportColumn[]): Buffer => csvLines([columns.map(({ name }) => name)]);

export const csvOf = (columns: readonly ReportColumn[], rows: readonly ReportRow[]): Buffer =>
  csvLines(
    rows.map((row) =>
      columns.map((column, index) => {
        const value = row[index] ?? null;
        if (value === null) return '';
        const text = textOf(column, value);
        return column.type === 'text' ? textCell(text) : text;
      }),
    ),
  );

const csvLines = (lines: readonly (readonly string[])[]): Buffer =>
  Buffer.from(stringify(lines as string[][], { record_delimiter: '\r\n', quoted_match: /\r/ }));
