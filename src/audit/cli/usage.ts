/** What was asked for cannot be done, or is about something that the ledger does not hold: exit status 2. */
export class WrongUsage extends Error {}

export interface LedgerCommand {
  /** First line: its arguments and what it does. */
  readonly help: string;
  /** @returns whether all is well @throws WrongUsage */
  run(args: string[]): Promise<boolean>;
}

/** Options that every command about a live ledger has. */
export const CONNECTION_OPTIONS = {
  'event-store': { type: 'string' },
  'data-dir': { type: 'string' },
} as const;
export const COMMON_OPTIONS = { json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h' } } as const;

export const CONNECTION_HELP = `  --event-store <url>   esdb://… of the ledger; EVENTSTORE_URL where it is not given
  --data-dir <dir>      directory of an embedded store; DATA_DIR or ./data where it is not given
  --json                one JSON document for machines; amounts are decimal strings of credits
  --help                this text`;

/** The one positional argument of a command. @throws WrongUsage */
export function argumentOf(positionals: readonly string[], name: string): string {
  const [value, ...more] = positionals;
  if (value === undefined) throw new WrongUsage(`Which ${name}? See --help.`);
  if (more.length > 0) throw new WrongUsage(`One ${name} at a time: what is ${more[0]}?`);
  return value;
}

/** A whole number from the command line. @throws WrongUsage */
export function countOf(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new WrongUsage(`--${option} takes a number, not ${text}.`);
  return Number(text);
}

/** Up to where events count: a time, a commit position of `$all`, or a revision of the account's stream. */
export interface Moment {
  readonly until: 'time' | 'position' | 'revision';
  readonly value: number;
}

/** Reads `2026-01-31T12:00:00Z`, `2026-01-31`, `4711` or `position:4711`, `revision:12`. @throws WrongUsage */
export function momentOf(text: string | undefined, option: string): Moment | undefined {
  if (text === undefined) return undefined;
  const [, kind, digits] = /^(?:(position|revision):)?(\d{1,16})$/.exec(text) ?? [];
  if (digits !== undefined) return { until: kind === 'revision' ? 'revision' : 'position', value: Number(digits) };
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const value = Date.parse(text);
  if (!isTime || Number.isNaN(value))
    throw new WrongUsage(`--${option} takes an ISO 8601 time with its zone, position:<n> or revision:<n>, not ${text}.`);
  return { until: 'time', value };
}
