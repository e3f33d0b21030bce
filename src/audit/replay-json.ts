import { formatSignedCredits as credits } from '../kernel/credits.js';
import { eventText } from './cli/event-text.js';
import type { ReplayedStep } from './replay-account.js';
import type { AccountFigures } from './rules/account-audit.js';
import type { Json, Problem } from './rules/account-audit-rules.js';

/** A step as it is answered: amounts in credits, but under `data`, where the fact stands as it is stored. */
export function stepToJson({ event, fact, figures, lots, settlement, problems }: ReplayedStep): object {
  const data = fact ? withoutSecrets(fact.data) : null;
  return {
    revision: event.revision,
    position: event.position.toString(),
    time: fact?.metadata.occurredAt ?? null,
    type: event.type,
    event_id: event.id,
    hash: fact?.metadata.hash ?? null,
    previous_hash: fact?.metadata.previousHash ?? null,
    says: fact ? eventText(event.type, data) : null,
    data,
    balance: balanceToJson(figures),
    lots: lots.map(({ lotId, remaining, held, frozen, after }) => ({
      lot_id: lotId,
      remaining: credits(remaining),
      held: credits(held),
      frozen: credits(frozen),
      after: { remaining: credits(after.remaining), held: credits(after.held), frozen: credits(after.frozen) },
    })),
    ...(settlement && { settlement: settlementToJson(settlement, fact?.data) }),
    problems: problems.map(problemToJson),
  };
}

/** `owned`: all that remains of its lots, whether or not it can be spent now. What it owes stands beside it. */
export const balanceToJson = ({ available, held, frozen, notInForce, receivable }: AccountFigures) => ({
  available: credits(available),
  held: credits(held),
  frozen: credits(frozen),
  not_in_force: credits(notInForce),
  receivable: credits(receivable),
  owned: credits(available + notInForce + held + frozen),
});

export const problemToJson = ({ rule, revision, type, text }: Problem) => ({
  rule,
  revision: revision ?? null,
  type: type ?? null,
  text,
});

function settlementToJson({ generationId, result, charged, recomputed, problem }: Settlement, data: Json): object {
  const { usage, priceVersion, formulaVersion, pricedAt } = data;
  const cost = ({ exact, rounded }: Settlement['charged']) => ({ exact_pico: exact, cost: inCredits(rounded) });
  return {
    generation_id: generationId,
    result,
    charged: cost(charged),
    recomputed: recomputed ? cost(recomputed) : null,
    problem: problem ?? null,
    usage: usage?.classes ?? null,
    price_version: priceVersion ?? null,
    formula_version: formulaVersion ?? null,
    priced_at: pricedAt ?? null,
  };
}

type Settlement = NonNullable<ReplayedStep['settlement']>;

/** What is stored of a key's secret is a digest, and nobody's business here. */
function withoutSecrets(data: Json): Json {
  if (data.secretHash === undefined) return data;
  const { secretHash: _, ...rest } = data;
  return rest;
}

/** An amount as a tampered event may state it. */
const inCredits = (nanoText: string): string => (/^-?\d{1,40}$/.test(nanoText) ? credits(BigInt(nanoText)) : nanoText);
