/** The forms in which a finished report is handed out. */
export const FORMATS = ['csv', 'jsonl', 'parquet', 'control'] as const;
export type Format = (typeof FORMATS)[number];

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  jsonl: 'application/jsonl; charset=utf-8',
  parquet: 'application/vnd.apache.parquet',
  control: 'application/json; charset=utf-8',
};

const EXTENSIONS: Readonly<Record<Format, string>> = {
  csv: 'csv',
  jsonl: 'jsonl',
  parquet: 'parquet',
  control: 'control.json',
};

/** `monthly-statement-2026-01-k3j9x2.csv`: made of names that need no quoting. */
export const fileName = (report: string, period: string, accountId: string | undefined, format: Format): string =>
  [report, period, ...(accountId === undefined ? [] : [accountId])].join('-').concat('.', EXTENSIONS[format]);
