import { parseArgs } from 'node:util';
import type { AuditedFact } from '../rules/account-audit-rules.js';
import type { AuditedLot } from '../rules/account-audit-state.js';
import { verifyAccount } from '../verify-account.js';
import { connect } from './connection.js';
import { credits, fields, inCredits, say, sayJson, table, time } from './output.js';
import { sayProblems } from './problems.js';
import {
  argumentOf,
  COMMON_OPTIONS,
  CONNECTION_HELP,
  CONNECTION_OPTIONS,
  type LedgerCommand,
  type Moment,
  momentOf,
  WrongUsage,
} from './usage.js';

const HELP = `balance <account>         what it has, lot by lot, now or as of a moment

  --as-of <moment>      ISO 8601 time, or position:<commit position in $all>
${CONNECTION_HELP}`;

export const balance: LedgerCommand = {
  help: HELP,
  async run(args) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { ...COMMON_OPTIONS, ...CONNECTION_OPTIONS, 'as-of': { type: 'string' } },
    });
    const accountId = argumentOf(positionals, 'account');
    const moment = momentOf(values['as-of'], 'as-of');
    const { store, close } = await connect({ eventStore: values['event-store'], dataDir: values['data-dir'] });
    try {
      const { audit, problems, head, events } = await verifyAccount(store, accountId, { isWanted: until(moment) });
      if (events === 0) throw new WrongUsage(`There is no account ${accountId}${moment ? ' at that moment' : ''}.`);
      const at = moment?.until === 'time' ? moment.value : moment ? audit.account.at : Math.max(Date.now(), audit.account.at);
      const figures = inCredits(audit.figures(at));
      const lots = [...audit.account.lots.values()].map(lotLine);
      if (values.json) {
        sayJson({ account: accountId, at: time(at), revision: head.revision, ...figures, lots, problems });
      } else {
        say(`${accountId} at ${time(at)}, revision ${head.revision}\n`);
        say(`${fields(Object.entries(figures))}\n`);
        say(table([Object.keys(lots[0] ?? {}), ...lots.map((lot) => Object.values(lot).map((value) => value ?? ''))]));
        sayProblems(problems);
      }
      return problems.length === 0;
    } finally {
      await close();
    }
  },
};

/** Whether an event counts at a moment; a time includes what happened at it. */
export function until(moment: Moment | undefined) {
  return ({ revision, position }: { revision: number; position: bigint }, fact: AuditedFact | undefined): boolean => {
    if (!moment) return true;
    if (moment.until === 'position') return position <= BigInt(moment.value);
    if (moment.until === 'revision') return revision <= moment.value;
    return !(Date.parse(fact?.metadata.occurredAt) > moment.value);
  };
}

const lotLine = (lot: AuditedLot) => ({
  lot: lot.lotId,
  kind: lot.kind,
  priority: String(lot.priority),
  expires: time(lot.expiresAt),
  granted: credits(lot.granted),
  remaining: credits(lot.remaining),
  held: credits(lot.held),
  frozen: credits(lot.frozen),
});
