import { hash as digest, type KeyObject } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { EventStore } from '../../event-store/event-store.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { readStoredCheckpoints } from '../checkpoints/checkpoint-stream.js';
import type { CheckpointReport } from '../checkpoints/checkpoint-verification.js';
import { type Problem, RULES } from '../rules/account-audit-rules.js';
import { verifyAccount } from '../verify-account.js';
import { verifyLedger } from '../verify-in-worker.js';
import type { LedgerReport } from '../verify-ledger.js';
import { type Connection, connect } from './connection.js';
import { exportedCheckpoints, publicKeyOf } from './keys.js';
import { fields, inCredits, Progress, say, sayJson } from './output.js';
import { sayProblems } from './problems.js';
import { COMMON_OPTIONS, CONNECTION_HELP, CONNECTION_OPTIONS, type LedgerCommand, WrongUsage } from './usage.js';

const HELP = `verify                    check every rule of the ledger, event by event, and its checkpoints

  --checkpoints <file>  checkpoints as they were exported; DATA_DIR/checkpoints.jsonl where it is not given
  --public-key <pem>    key of the checkpoints; CHECKPOINT_KEY or DATA_DIR/checkpoint-key.pub.pem where it is not given
  --account <id>        only this account, without the checkpoints
${CONNECTION_HELP}

Rules:
${Object.entries(RULES)
  .map(([rule, text]) => `  ${rule.padStart(2)}  ${text}`)
  .join('\n')}`;

/** What one verification has to say, as it is printed. */
interface Outcome {
  readonly problems: readonly Problem[];
  readonly problemsTotal: number;
  readonly checkpoints: CheckpointReport | undefined;
  readonly note: string | undefined;
  readonly summary: Readonly<Record<string, unknown>>;
}

export const verify: LedgerCommand = {
  help: HELP,
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        ...COMMON_OPTIONS,
        ...CONNECTION_OPTIONS,
        checkpoints: { type: 'string' },
        'public-key': { type: 'string' },
        account: { type: 'string' },
      },
    });
    const dataDir = values['data-dir'];
    const publicKey = publicKeyOf(values['public-key'], values);
    const exported = await exportedCheckpoints(values.checkpoints, values);
    if (values.checkpoints !== undefined && !publicKey) throw new WrongUsage('Checkpoints need their --public-key.');
    const connection = await connect({ eventStore: values['event-store'], dataDir });
    try {
      const outcome =
        values.account === undefined
          ? await verifyAll(connection, publicKey && { publicKey, exported: exported?.checkpoints })
          : await verifyOne(connection.store, values.account);
      const isWell = outcome.problemsTotal === 0 && (outcome.checkpoints?.problems.length ?? 0) === 0;
      if (values.json) sayJson(asJson(outcome, isWell));
      else print(outcome, isWell);
      return isWell;
    } finally {
      await connection.close();
    }
  },
};

interface Known {
  readonly publicKey: KeyObject;
  readonly exported: readonly Checkpoint[] | undefined;
}

async function verifyAll({ store, address }: Connection, known: Known | undefined): Promise<Outcome> {
  const stored: Checkpoint[] = [];
  for await (const { checkpoint } of readStoredCheckpoints(store)) stored.push(checkpoint);
  const progress = new Progress('verifying');
  const task = {
    address,
    known: known && {
      checkpoints: { stored, ...(known.exported && { exported: known.exported }) },
      publicKeyPem: String(known.publicKey.export({ type: 'spki', format: 'pem' })),
    },
  };
  const report = await verifyLedger(store, task, Date.now(), (events) => progress.add(events));
  const eventsPerSecond = progress.end();
  const { problems, problemsTotal, events, accounts, priceVersions, reservations, figures } = report;
  const summary = {
    events,
    accounts,
    priceVersions,
    reservations,
    heads: { streams: report.heads.size, hash: hashOfHeads(report.heads) },
    eventsPerSecond,
    credits: inCredits(figures),
  };
  return { problems, problemsTotal, checkpoints: report.checkpoints, note: noteOf(known, stored.length), summary };
}

async function verifyOne(store: EventStore, accountId: string): Promise<Outcome> {
  const { audit, problems, head, events } = await verifyAccount(store, accountId);
  if (events === 0) throw new WrongUsage(`There is no account ${accountId}.`);
  const { reservations, ended } = audit.account;
  const summary = {
    account: accountId,
    events,
    head,
    reservations: { open: reservations.size, ended },
    credits: inCredits(audit.figures(Math.max(Date.now(), audit.account.at))),
  };
  return { problems, problemsTotal: problems.length, checkpoints: undefined, note: undefined, summary };
}

/** One hash over the ends of all chains: two verifications that agree on it have read the same ledger. */
function hashOfHeads(heads: LedgerReport['heads']): string {
  const lines = [...heads].map(([stream, { revision, hash }]) => `${stream} ${revision} ${hash}\n`);
  return digest('sha256', lines.sort().join(''));
}

function noteOf(known: Known | undefined, stored: number): string | undefined {
  if (!known) return stored === 0 ? undefined : `The ${stored} checkpoints were not verified: there is no public key.`;
  return known.exported
    ? undefined
    : 'There is no exported file of checkpoints: that the newest events are missing would not show.';
}

const asJson = ({ problems, problemsTotal, checkpoints, note, summary }: Outcome, ok: boolean) => ({
  ok,
  ...summary,
  problems_total: problemsTotal,
  problems,
  checkpoints: checkpoints ?? null,
  note: note ?? null,
});

function print({ problems, problemsTotal, checkpoints, note, summary }: Outcome, isWell: boolean): void {
  sayProblems(problems);
  if (problemsTotal > problems.length) say(`and ${problemsTotal - problems.length} more`);
  for (const { kind, message } of checkpoints?.problems ?? []) say(`${kind}  ${message}`);
  const { credits, ...rest } = summary;
  const flat = Object.entries({ ...rest, ...(credits as object) }).flatMap(([name, value]): [string, string][] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).map(([inner, each]) => [`${name} ${inner}`, String(each)])
      : [[name, String(value)]],
  );
  if (checkpoints) {
    flat.push([
      'checkpoints',
      `${checkpoints.checkpoints}, covering ${checkpoints.coveredSize} of ${checkpoints.treeSize} events`,
    ]);
    flat.push(['root', checkpoints.rootHash]);
  }
  say(fields(flat));
  if (note) say(note);
  const total = problemsTotal + (checkpoints?.problems.length ?? 0);
  say(isWell ? 'All is well.' : `${total} ${total === 1 ? 'problem' : 'problems'}.`);
}
