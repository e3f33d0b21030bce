import { createInterface, type Interface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import type { AccountAudit } from '../rules/account-audit.js';
import { verifyAccount } from '../verify-account.js';
import { until } from './balance-command.js';
import { connect } from './connection.js';
import { eventText } from './event-text.js';
import { credits, fields, inCredits, say, sayJson, time } from './output.js';
import { sayProblems } from './problems.js';
import {
  argumentOf,
  COMMON_OPTIONS,
  CONNECTION_HELP,
  CONNECTION_OPTIONS,
  type LedgerCommand,
  momentOf,
  WrongUsage,
} from './usage.js';

const HELP = `replay <account>          its state, folded from its events one by one

  --at <moment>         up to an ISO 8601 time, position:<n> or revision:<n>
  --step                what each event changes; on a terminal, Enter shows the next
${CONNECTION_HELP}`;

export const replay: LedgerCommand = {
  help: HELP,
  async run(args) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { ...COMMON_OPTIONS, ...CONNECTION_OPTIONS, at: { type: 'string' }, step: { type: 'boolean', default: false } },
    });
    const accountId = argumentOf(positionals, 'account');
    const moment = momentOf(values.at, 'at');
    const waits = values.step && !values.json && process.stdin.isTTY && process.stdout.isTTY;
    const terminal = waits ? createInterface({ input: process.stdin, output: process.stdout }) : undefined;
    const { store, close } = await connect({ eventStore: values['event-store'], dataDir: values['data-dir'] });
    try {
      const steps: object[] = [];
      let before = new Map<string, string>();
      const { audit, problems, head, events } = await verifyAccount(store, accountId, {
        isWanted: until(moment),
        after: async ({ revision, type }, fact, state) => {
          if (!values.step) return;
          const now = new Map(Object.entries(stateOf(state)));
          const changes = [...new Set([...before.keys(), ...now.keys()])].flatMap((name) =>
            before.get(name) === now.get(name) ? [] : [{ name, from: before.get(name) ?? null, to: now.get(name) ?? null }],
          );
          before = now;
          if (values.json) steps.push({ revision, type, time: fact?.metadata.occurredAt, changes });
          else
            await showStep(
              `${revision}  ${fact?.metadata.occurredAt}  ${type}  ${eventText(type, fact?.data)}`,
              changes,
              terminal,
            );
        },
      });
      if (events === 0) throw new WrongUsage(`There is no account ${accountId}${moment ? ' at that moment' : ''}.`);
      const state = stateOf(audit);
      if (values.json) sayJson({ account: accountId, revision: head.revision, hash: head.hash, state, steps, problems });
      else {
        say(
          `${accountId} at revision ${head.revision}, ${time(audit.account.at)}, hash ${head.hash}\n${fields(Object.entries(state))}`,
        );
        sayProblems(problems);
      }
      return problems.length === 0;
    } finally {
      terminal?.close();
      await close();
    }
  },
};

async function showStep(
  title: string,
  changes: readonly { name: string; from: string | null; to: string | null }[],
  terminal: Interface | undefined,
): Promise<void> {
  say(title);
  for (const { name, from, to } of changes) say(`    ${name}: ${from ?? '–'} → ${to ?? '–'}`);
  await terminal?.question('');
}

/** All that the account's state is made of, flat, as text. */
function stateOf(audit: AccountAudit): Record<string, string> {
  const { account } = audit;
  const state: Record<string, string> = { tier: account.tier, ...inCredits(audit.figures()) };
  for (const lot of account.lots.values()) {
    const { lotId, remaining, held, frozen } = lot;
    state[lotId] = `${credits(remaining)} remaining, ${credits(held)} held, ${credits(frozen)} frozen`;
  }
  for (const [keyId, key] of account.keys) {
    const limit = key.limit === undefined ? '' : ` of ${credits(key.limit)}`;
    state[`key ${keyId}`] = `${credits(key.spent)} spent${limit}, ${credits(key.held)} held${key.revoked ? ', revoked' : ''}`;
  }
  for (const { reservationId, amount, settleBy } of account.reservations.values())
    state[`reservation ${reservationId}`] = `${credits(amount)} held until ${time(settleBy)}`;
  for (const [disputeId, { status, claimed }] of account.disputes)
    state[`dispute ${disputeId}`] = `${status}, ${credits(claimed)}`;
  return state;
}
