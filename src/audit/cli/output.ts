import { formatSignedCredits } from '../../kernel/credits.js';
import { instantToText } from '../../kernel/time.js';

export const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** A document for machines: names in snake_case all through. What is under `data` are facts as they are stored. */
export const sayJson = (value: unknown): void => say(JSON.stringify(snakeCase(value), null, 2));

const snake = (name: string): string => name.replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function snakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [snake(name), name === 'data' ? each : snakeCase(each)]));
}

/** A name of a field as people read it. */
const spaced = (name: string): string => snake(name).replaceAll('_', ' ');

/** Credits as the shortest exact decimal, also of an amount below zero. */
export const credits = formatSignedCredits;

/** All amounts of a record as decimal strings of credits. */
export const inCredits = <K extends string>(amounts: Readonly<Record<K, bigint>>): Record<K, string> =>
  Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, credits(amount as bigint)])) as Record<K, string>;

/** A time as text; `never` where there is none. */
export const time = (at: number): string => (Number.isFinite(at) ? instantToText(at) : 'never');

/** Rows in columns; the first row is the heading. Columns of numbers are set to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isNumeric = widths.map((_, column) => rows.slice(1).every((row) => /^-?[\d.]*$/.test(row[column] ?? '')));
  const cell = (text: string, column: number) =>
    isNumeric[column] ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0);
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}

/** Names and values under each other. */
export const fields = (pairs: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...pairs.map(([name]) => spaced(name).length));
  return pairs.map(([name, value]) => `${spaced(name).padEnd(width)}  ${value}`).join('\n');
};

const BETWEEN_MS = 200;

/** How far a long reading has come, on one line of a terminal that is written over; silent elsewhere. */
export class Progress {
  private readonly startedAt = performance.now();
  private shownAt = 0;
  private events = 0;

  constructor(
    private readonly what: string,
    private readonly terminal = process.stderr,
  ) {}

  add(events: number): void {
    this.events += events;
    const now = performance.now();
    if (!this.terminal.isTTY || now - this.shownAt < BETWEEN_MS) return;
    this.shownAt = now;
    this.terminal.write(`\r\x1b[K${this.what}: ${this.events} events, ${this.perSecond(now)} events/s`);
  }

  /** Clears the line. @returns events per second */
  end(): number {
    if (this.terminal.isTTY) this.terminal.write('\r\x1b[K');
    return this.perSecond(performance.now());
  }

  private perSecond(now: number): number {
    return Math.round(this.events / Math.max((now - this.startedAt) / 1000, 0.001));
  }
}
