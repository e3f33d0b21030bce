import { parseArgs } from 'node:util';
import type { EventStore } from '../../event-store/event-store.js';
import { type Explanation, explainGeneration, findAccountOf } from '../explain-generation.js';
import type { AuditedFact, Json } from '../rules/account-audit-rules.js';
import { connect } from './connection.js';
import { eventText } from './event-text.js';
import { credits, fields, Progress, say, sayJson, table, time } from './output.js';
import { sayProblems } from './problems.js';
import { argumentOf, COMMON_OPTIONS, CONNECTION_HELP, CONNECTION_OPTIONS, type LedgerCommand, WrongUsage } from './usage.js';

const HELP = `explain <generation>      what a call cost, why, and who paid, to the token

  --account <id>        whose it is; without it, everything is searched
${CONNECTION_HELP}`;

export const explain: LedgerCommand = {
  help: HELP,
  async run(args) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { ...COMMON_OPTIONS, ...CONNECTION_OPTIONS, account: { type: 'string' } },
    });
    const generationId = argumentOf(positionals, 'generation');
    const { store, close } = await connect({ eventStore: values['event-store'], dataDir: values['data-dir'] });
    try {
      const accountId = values.account ?? (await search(store, generationId));
      const explanation = accountId === undefined ? undefined : await explainGeneration(store, accountId, generationId);
      if (!explanation) throw new WrongUsage(`There is no generation ${generationId}${accountId ? ` of ${accountId}` : ''}.`);
      if (values.json) sayJson(asJson(explanation));
      else print(explanation);
      return explanation.problems.length === 0 && explanation.recomputed?.agrees !== false;
    } finally {
      await close();
    }
  },
};

async function search(store: EventStore, generationId: string): Promise<string | undefined> {
  const progress = new Progress('searching');
  const accountId = await findAccountOf(store, generationId, (events) => progress.add(events));
  progress.end();
  return accountId;
}

function print({
  accountId,
  generationId,
  events,
  reservation,
  settlement,
  refunds,
  lots,
  recomputed,
  problems,
}: Explanation): void {
  const { quote } = reservation ?? {};
  say(`${generationId} of ${accountId}\n`);
  if (quote) {
    const { promptTokensMax, completionTokensMax, priceVersion } = quote;
    say(
      `reserved   ${amount(reservation.amount)}: at most ${promptTokensMax} + ${completionTokensMax} tokens at ${priceVersion}`,
    );
    say(`held       ${parts(reservation.holds)}`);
  }
  if (settlement) {
    const { cost, usage, priceVersion, formulaVersion, attempts, debits, shortfall, outcome } = settlement;
    say(`usage      from ${usage.source}${usage.anomalies ? ` (${usage.anomalies.join(', ')})` : ''}, ${outcome}\n`);
    const rows = (cost.lines as Json[]).map((line) => [line.class, `${line.tokens}`, pico(line.price), pico(line.amount)]);
    say(table([['class', 'tokens', '× price', '= credits'], ...rows]));
    say(`\nexact      ${pico(cost.exact)} at ${priceVersion} by ${formulaVersion}`);
    say(`charged    ${amount(cost.rounded)}, rounded up once`);
    say(`paid by    ${parts(debits)}${shortfall === '0' ? '' : `; ${amount(shortfall)} nobody could pay`}`);
    for (const { provider, upstreamModel, upstreamId, status } of attempts as Json[])
      say(`attempt    ${provider} ${upstreamModel} ${status}${upstreamId ? ` ${upstreamId}` : ''}`);
  } else {
    say('Nothing was charged.');
  }
  for (const refund of refunds) say(`refund     ${eventText('GenerationRefunded', refund)}`);
  for (const lot of lots)
    say(
      `lot        ${lot.lotId}: ${lot.kind}, priority ${lot.priority}, granted ${credits(lot.granted)}, expires ${time(lot.expiresAt)}`,
    );
  for (const event of events) say(`\n${fields(Object.entries(eventLine(event)))}`);
  if (recomputed) {
    const verdict = recomputed.agrees ? 'which agrees' : 'WHICH DOES NOT AGREE';
    say(`\nComputed again from the usage: ${pico(recomputed.exact)}, charged ${amount(recomputed.rounded)}, ${verdict}.`);
  }
  sayProblems(problems);
}

const amount = (text: string): string => credits(BigInt(text));
const parts = (list: Json): string =>
  (list as Json[]).map((part) => `${amount(part.amount)} of ${part.lotId}`).join(', ') || 'nothing';

/** Pico-credits as credits. */
function pico(text: string): string {
  const digits = text.padStart(13, '0');
  const fraction = digits.slice(-12).replace(/0+$/, '');
  return fraction === '' ? digits.slice(0, -12) : `${digits.slice(0, -12)}.${fraction}`;
}

const eventLine = ({ id, type, stream, revision, position, metadata }: AuditedFact) => ({
  event: type,
  place: `${stream}@${revision}, position ${position}`,
  time: String(metadata.occurredAt),
  id,
  hash: String(metadata.hash),
  previous: String(metadata.previousHash),
});

const asJson = ({
  accountId,
  generationId,
  events,
  reservation,
  settlement,
  refunds,
  lots,
  recomputed,
  problems,
}: Explanation) => ({
  account: accountId,
  generation: generationId,
  reserved: reservation && {
    amount: amount(reservation.amount),
    quote: reservation.quote,
    holds: partsInCredits(reservation.holds),
  },
  usage: settlement?.usage ?? null,
  price_version: settlement?.priceVersion ?? null,
  formula_version: settlement?.formulaVersion ?? null,
  cost: settlement
    ? {
        exact: pico(settlement.cost.exact),
        rounded: amount(settlement.cost.rounded),
        lines: (settlement.cost.lines as Json[]).map((line) => ({
          class: line.class,
          tokens: line.tokens,
          price: pico(line.price),
          amount: pico(line.amount),
        })),
      }
    : null,
  debits: settlement ? partsInCredits(settlement.debits) : [],
  shortfall: settlement ? amount(settlement.shortfall) : '0',
  attempts: settlement?.attempts ?? [],
  refunds: refunds.map((refund) => ({
    refund_id: refund.refundId,
    amount: amount(refund.amount),
    credits: partsInCredits(refund.credits),
  })),
  lots: lots.map(({ lotId, kind, priority, granted, expiresAt }) => ({
    lot: lotId,
    kind,
    priority,
    granted: credits(granted),
    expires: time(expiresAt),
  })),
  events: events.map(({ data, position, ...event }) => ({
    type: event.type,
    stream: event.stream,
    revision: event.revision,
    position: `${position}`,
    id: event.id,
    time: event.metadata.occurredAt,
    hash: event.metadata.hash,
    previous_hash: event.metadata.previousHash,
    data,
  })),
  recomputed: recomputed
    ? { agrees: recomputed.agrees, exact: pico(recomputed.exact), rounded: amount(recomputed.rounded) }
    : null,
  problems,
});

const partsInCredits = (list: Json) => (list as Json[]).map((part) => ({ lot: part.lotId, amount: amount(part.amount) }));
