import { parse as parseCsv } from 'csv-parse/sync';
import { parseCredits } from '../kernel/credits.js';
import type { StatedDay } from './domain/compare.js';

/** A row that cannot be read, or says what cannot be. */
export interface BadRow {
  /** Of the file, from 1, the header included; of the list where the rows came as JSON, from 1. */
  readonly line: number;
  readonly field: string;
  readonly problem: string;
}

export interface ReadExport {
  readonly rows: readonly StatedDay[];
  readonly bad: readonly BadRow[];
}

/** The names that providers' exports have for the same thing; the first one that the header has counts. */
const COLUMNS = {
  day: ['day', 'date', 'usage_date', 'start_time_iso'],
  model: ['model', 'model_name', 'model_version'],
  requests: ['requests', 'num_model_requests', 'request_count'],
  prompt_tokens: ['prompt_tokens', 'input_tokens'],
  completion_tokens: ['completion_tokens', 'output_tokens'],
  cost: ['cost', 'cost_usd', 'amount', 'amount_value'],
} as const;
type Field = keyof typeof COLUMNS;
const REQUIRED: readonly Field[] = ['day', 'model'];
const FIGURES: readonly Field[] = ['requests', 'prompt_tokens', 'completion_tokens', 'cost'];

const DAY = /^(\d{4}-\d\d-\d\d)(?:[T ]00:00:00(?:\.0+)?(?:Z|\+00:00)?)?$/;
const COUNT = /^\d{1,18}$/;
/** Beyond this, comparing them would keep a process from its calls for seconds. */
export const ROWS_MAX = 100_000;
const MODEL_MAX = 200;
/** Control characters, and halves of characters: not every reader can store them. */
const PLAIN_TEXT = /^[^\p{Cc}\p{Cs}]+$/u;

type Record_ = Readonly<Record<string, unknown>>;

/**
 * Reads a provider's export as CSV with a header (RFC 4180; a byte order mark is allowed). Columns that mean nothing here are passed
 * over; each model and day may come once, in UTC and within the range.
 */
export function readCsvExport(text: string, firstDay: string, lastDay: string): ReadExport {
  let records: { record: Record<string, string>; info: { lines: number } }[];
  let header: readonly string[] = [];
  try {
    records = parseCsv(text, {
      bom: true,
      columns: (names: string[]) => {
        header = names.map((name) => name.trim().toLowerCase());
        return header as string[];
      },
      info: true,
      skip_empty_lines: true,
      to: ROWS_MAX + 1,
      trim: true,
      max_record_size: 64 * 1024,
    }) as never;
  } catch (error) {
    const { lines = 1, code = 'CSV' } = error as { lines?: number; code?: string };
    return { rows: [], bad: [{ line: lines, field: '', problem: `is no CSV (${code})` }] };
  }
  if (records.length > ROWS_MAX)
    return { rows: [], bad: [{ line: ROWS_MAX + 2, field: '', problem: `is more than ${ROWS_MAX} rows` }] };
  const missing = REQUIRED.filter((field) => !COLUMNS[field].some((name) => header.includes(name)));
  if (missing.length > 0) return { rows: [], bad: missing.map((field) => ({ line: 1, field, problem: 'is not in the header' })) };
  if (!FIGURES.some((field) => COLUMNS[field].some((name) => header.includes(name))))
    return { rows: [], bad: [{ line: 1, field: 'requests', problem: 'nor any other figure is in the header' }] };
  return readRecords(
    records.map(({ record, info }) => ({ line: info.lines, record })),
    firstDay,
    lastDay,
  );
}

/** The same from a JSON list of objects. */
export function readJsonExport(records: readonly unknown[], firstDay: string, lastDay: string): ReadExport {
  const listed = records.map((record, index) => ({ line: index + 1, record: isRecord(record) ? record : undefined }));
  const bad = listed.filter(({ record }) => !record).map(({ line }) => ({ line, field: '', problem: 'must be an object' }));
  const good = listed.flatMap(({ line, record }) => (record ? [{ line, record }] : []));
  const read = readRecords(good, firstDay, lastDay);
  return { rows: read.rows, bad: [...bad, ...read.bad].sort((a, b) => a.line - b.line) };
}

function readRecords(records: readonly { line: number; record: Record_ }[], firstDay: string, lastDay: string): ReadExport {
  const rows: StatedDay[] = [];
  const bad: BadRow[] = [];
  const seen = new Map<string, number>();
  for (const { line, record } of records) {
    const note = (field: Field, problem: string) => void bad.push({ line, field, problem });
    const row = readRecord(record, note);
    if (row.day !== '' && (row.day < firstDay || row.day > lastDay)) note('day', `is outside ${firstDay} to ${lastDay}`);
    const key = `${row.day} ${row.model}`;
    const earlier = seen.get(key);
    if (row.day !== '' && row.model !== '' && earlier !== undefined) note('model', `stands for the same day in line ${earlier}`);
    seen.set(key, earlier ?? line);
    rows.push(row);
  }
  return { rows, bad };
}

function readRecord(record: Record_, note: (field: Field, problem: string) => void): StatedDay {
  const text = (field: Field): string => {
    for (const name of COLUMNS[field]) {
      const value = record[name];
      if (typeof value === 'string') return value.trim();
      if (typeof value === 'number' && Number.isFinite(value)) return String(value);
    }
    return '';
  };
  const model = text('model');
  if (model === '') note('model', 'must not be empty');
  else if (model.length > MODEL_MAX || !PLAIN_TEXT.test(model)) note('model', `must be at most ${MODEL_MAX} plain characters`);
  const day = DAY.exec(text('day'))?.[1] ?? '';
  const isDay = day !== '' && !Number.isNaN(Date.parse(day)) && new Date(day).toISOString().startsWith(day);
  if (!isDay) note('day', 'must be a day in UTC, yyyy-mm-dd');
  const count = (field: Field): bigint | undefined => {
    const written = text(field);
    if (written === '') return undefined;
    if (COUNT.test(written)) return BigInt(written);
    note(field, 'must be a whole number, 0 or more');
    return undefined;
  };
  return {
    model,
    day: isDay ? day : '',
    requests: count('requests'),
    promptTokens: count('prompt_tokens'),
    completionTokens: count('completion_tokens'),
    cost: costOf(text('cost'), note),
  };
}

/** Providers state costs with any number of decimals; what is below 10⁻⁹ dollars is cut. */
function costOf(written: string, note: (field: Field, problem: string) => void): bigint | undefined {
  if (written === '') return undefined;
  const [, whole, fraction = ''] = /^(\d{1,12})(?:\.(\d{1,40}))?$/.exec(written) ?? [];
  const cost = whole === undefined ? undefined : parseCredits(`${whole}.${fraction.slice(0, 9) || '0'}`);
  if (cost === undefined) note('cost', 'must be an amount in US dollars, 0 or more');
  return cost;
}

const isRecord = (value: unknown): value is Record_ => typeof value === 'object' && value !== null && !Array.isArray(value);
