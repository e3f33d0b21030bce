import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gatherEvidence } from '../evidence.js';
import { checkEvidence } from '../evidence-check.js';
import { connect } from './connection.js';
import { publicKeyOf } from './keys.js';
import { fields, inCredits, Progress, say, sayJson, time } from './output.js';
import { sayProblems } from './problems.js';
import { argumentOf, COMMON_OPTIONS, CONNECTION_HELP, CONNECTION_OPTIONS, type LedgerCommand, WrongUsage } from './usage.js';

const EXPORT_HELP = `export <account>          write a file with all the evidence about an account

  --out <file>          where to write it; an existing file stays as it is
${CONNECTION_HELP}

The file has every event as it is stored, the prices, the newest signed checkpoint, and proofs that the events are in the
tree that it signs: for each event up to 10,000, else for every 1,000th and the last. A proven event proves all before it in
its stream, because its hash covers theirs. Events after the checkpoint are covered by none.`;

export const evidenceExport: LedgerCommand = {
  help: EXPORT_HELP,
  async run(args) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { ...COMMON_OPTIONS, ...CONNECTION_OPTIONS, out: { type: 'string' } },
    });
    const accountId = argumentOf(positionals, 'account');
    const { out } = values;
    if (out === undefined) throw new WrongUsage('Where to? Name a file with --out.');
    if (existsSync(out)) throw new WrongUsage(`${out} is there already.`);
    const { store, close } = await connect({ eventStore: values['event-store'], dataDir: values['data-dir'] });
    const progress = new Progress('building the tree');
    try {
      const evidence = await gatherEvidence(store, accountId, (events) => progress.add(events));
      progress.end();
      if (!evidence) throw new WrongUsage(`There is no account ${accountId}.`);
      writeFileSync(out, `${JSON.stringify(evidence)}\n`, { flag: 'wx' });
      const { account, prices, proofs, checkpoint } = evidence;
      const summary = {
        file: out,
        account: accountId,
        events: account.events.length,
        price_streams: prices.length,
        proofs: proofs.length,
        checkpoint_size: checkpoint?.treeSize ?? null,
        key_id: checkpoint?.keyId ?? null,
      };
      if (values.json) sayJson(summary);
      else say(fields(Object.entries(summary).map(([name, value]) => [name, String(value ?? 'none')])));
      if (!checkpoint && !values.json) say('No checkpoint has been signed yet: the file shows the chain, and no more.');
      return true;
    } finally {
      await close();
    }
  },
};

const CHECK_HELP = `verify-file <file>        check an exported file without any server

  --public-key <pem>    the key that signs the checkpoints, from who runs the ledger
  --json                one JSON document for machines; amounts are decimal strings of credits
  --help                this text`;

export const evidenceCheck: LedgerCommand = {
  help: CHECK_HELP,
  async run(args) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { ...COMMON_OPTIONS, 'public-key': { type: 'string' } },
    });
    const file = argumentOf(positionals, 'file');
    if (!existsSync(file)) throw new WrongUsage(`There is no file ${file}.`);
    if (values['public-key'] === undefined) throw new WrongUsage('Whose signature? Name the key with --public-key.');
    const publicKey = publicKeyOf(values['public-key'], {});
    if (!publicKey) throw new WrongUsage('There is no such key.');
    const report = checkEvidence(JSON.parse(readFileSync(file, 'utf8')), publicKey);
    const { account, events, proven, covered, checkpoint, figures, at, problems } = report;
    const isWell = problems.length === 0;
    const summary = {
      account,
      events,
      proven_events: proven,
      covered_events: covered,
      checkpoint_size: checkpoint?.treeSize ?? null,
      signed_at: checkpoint?.signedAt ?? null,
      key_id: checkpoint?.keyId ?? null,
      as_of: time(at),
    };
    if (values.json) {
      sayJson({ ok: isWell, ...summary, credits: inCredits(figures), problems });
      return isWell;
    }
    sayProblems(problems);
    const lines = Object.entries({ ...summary, ...inCredits(figures) });
    say(fields(lines.map(([name, value]) => [name, String(value ?? 'none')])));
    if (covered < events) say(`The last ${events - covered} events are newer than the checkpoint: only the chain covers them.`);
    say(isWell ? 'All is well.' : `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}.`);
    return isWell;
  },
};
