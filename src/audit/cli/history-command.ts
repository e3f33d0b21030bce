import { parseArgs } from 'node:util';
import { verifyAccount } from '../verify-account.js';
import { connect } from './connection.js';
import { eventText } from './event-text.js';
import { credits, say, sayJson, table } from './output.js';
import { sayProblems } from './problems.js';
import {
  argumentOf,
  COMMON_OPTIONS,
  CONNECTION_HELP,
  CONNECTION_OPTIONS,
  countOf,
  type LedgerCommand,
  WrongUsage,
} from './usage.js';

const HELP = `history <account>         its events, one a line, with what was available after each

  --limit <n>           the last n
  --type <type>         only these events; may be given several times
${CONNECTION_HELP}`;

interface Line {
  readonly revision: number;
  readonly time: string;
  readonly type: string;
  readonly what: string;
  /** Credits, after the event. */
  readonly available: string;
  readonly event_id: string;
  readonly position: string;
}

export const history: LedgerCommand = {
  help: HELP,
  async run(args) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...COMMON_OPTIONS,
        ...CONNECTION_OPTIONS,
        limit: { type: 'string' },
        type: { type: 'string', multiple: true },
      },
    });
    const accountId = argumentOf(positionals, 'account');
    const limit = countOf(values.limit, 'limit') ?? Number.POSITIVE_INFINITY;
    const types = values.type?.flatMap((list) => list.split(','));
    const { store, close } = await connect({ eventStore: values['event-store'], dataDir: values['data-dir'] });
    try {
      const lines: Line[] = [];
      const { problems, events } = await verifyAccount(store, accountId, {
        after: ({ revision, type, id, position }, fact, { account }) => {
          if (types && !types.includes(type)) return;
          if (lines.length >= limit) lines.shift();
          lines.push({
            revision,
            time: String(fact?.metadata.occurredAt ?? ''),
            type,
            what: fact ? eventText(type, fact.data) : 'cannot be read',
            available: credits(account.available()),
            event_id: id,
            position: `${position}`,
          });
        },
      });
      if (events === 0) throw new WrongUsage(`There is no account ${accountId}.`);
      if (values.json) sayJson({ account: accountId, events: lines, problems });
      else {
        const rows = lines.map(({ revision, time, type, what, available }) => [`${revision}`, time, type, available, what]);
        say(table([['revision', 'time', 'type', 'available', 'what'], ...rows]));
        sayProblems(problems);
      }
      return problems.length === 0;
    } finally {
      await close();
    }
  },
};
