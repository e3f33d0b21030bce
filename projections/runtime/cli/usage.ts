/** What was asked for cannot be done, or is about something that is not there: exit status 2. */
export class WrongUsage extends Error {}

/** Options that every command has. */
export const OPTIONS = {
  'event-store': { type: 'string' },
  database: { type: 'string' },
  'data-dir': { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h' },
} as const;

export const OPTIONS_HELP = `  --event-store <url>   esdb://… of the ledger; EVENTSTORE_URL where it is not given
  --database <url>      postgres://… of the read models; DATABASE_URL where it is not given
  --data-dir <dir>      directory of embedded servers; DATA_DIR or ./data where it is not given
  --json                one JSON document for machines; positions are decimal text
  --help                this text`;
