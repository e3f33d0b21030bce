import type { AccountEvent, LateSettlementRecorded } from '../../src/accounts/domain/accounts.events.js';
import { nanoFromText, plus, ZERO } from '../../src/kernel/credits.js';
import { instantFromText } from '../../src/kernel/time.js';
import type { Fact, Projection } from '../runtime/projection.js';
import { evolveGeneration, type GenerationEvent } from './generation.projection.js';
import type { UsageOfDay, UsageRows, UsageTables } from './usage-tables.projection.js';

const STREAM_PREFIX = 'account-';

/**
 * What was used: call by call, and by account, key, model, provider and day of UTC. A call counts on the day it is charged, so a day
 * that is over never changes: a late settlement counts on the day that it is recorded, and a refund changes no usage. What was
 * given back is no usage. Σ cost over the days of a key = what the key was charged since it was issued, to the nano-credit.
 */
export const usage: Projection<UsageTables> = {
  name: 'usage',
  version: 1,
  streamPrefixes: [STREAM_PREFIX],
  keys: {
    generations: ['accountId', 'generationId'],
    days: ['accountId', 'day', 'keyId', 'model', 'provider'],
  },

  rowsOf(fact) {
    const event = generationEventOf(fact as Fact & AccountEvent);
    if (!event) return { generations: [], days: [] };
    const accountId = accountOf(fact);
    const { generationId } = event.data;
    return {
      generations: [{ accountId, generationId }],
      days: isCharge(event) ? [keyOfDay(accountId, event.data, fact)] : [],
    };
  },

  fold(rows, fact) {
    const event = generationEventOf(fact as Fact & AccountEvent);
    if (!event) return;
    const accountId = accountOf(fact);
    const known = rows.generations.find({ accountId, generationId: event.data.generationId });
    rows.generations.put(evolveGeneration(known, event, accountId, instantFromText(fact.metadata.occurredAt)));
    if (isCharge(event)) countCharge(rows, keyOfDay(accountId, event.data, fact), event.data);
  },
};

type Charge = LateSettlementRecorded['data'];
type KeyOfDay = Pick<UsageOfDay, 'accountId' | 'day' | 'keyId' | 'model' | 'provider'>;

/** Undefined for what says nothing of usage. Throws where the event is unknown. */
function generationEventOf(event: Fact & AccountEvent): GenerationEvent | undefined {
  switch (event.type) {
    case 'CreditsReserved':
    case 'ReservationSettled':
    case 'ReservationReleased':
    case 'LateSettlementRecorded':
      return event;
    case 'AccountOpened':
    case 'TierChanged':
    case 'ApiKeyIssued':
    case 'ApiKeyChanged':
    case 'ApiKeyRevoked':
    case 'CreditsGranted':
    case 'ReservationExtended':
    case 'CreditsExpired':
    case 'ShortfallRepaid':
    case 'GenerationRefunded':
    case 'TopUpRefunded':
    case 'LotsFrozen':
    case 'LotsUnfrozen':
    case 'CreditsClawedBack':
    case 'CreditsAdjusted':
      return undefined;
  }
  return unknownEvent(event);
}

const isCharge = (event: GenerationEvent): event is Extract<GenerationEvent, { data: Charge }> =>
  event.type === 'ReservationSettled' || event.type === 'LateSettlementRecorded';

const keyOfDay = (accountId: string, { keyId, model, attempts }: Charge, { metadata }: Fact): KeyOfDay => ({
  accountId,
  day: metadata.occurredAt.slice(0, 'yyyy-mm-dd'.length),
  keyId,
  model,
  provider: attempts.at(-1)?.provider ?? '',
});

function countCharge(rows: UsageRows, key: KeyOfDay, { cost, usage: { classes } }: Charge): void {
  const day = rows.days.find(key) ?? { ...key, ...NOTHING_USED };
  rows.days.put({
    ...day,
    requests: day.requests + 1n,
    promptTokens: day.promptTokens + tokensOf(classes, (name) => name.startsWith('input_') || name.startsWith('cache_')),
    completionTokens: day.completionTokens + tokensOf(classes, (name) => name.startsWith('output_')),
    reasoningTokens: day.reasoningTokens + tokensOf(classes, (name) => name === 'output_reasoning'),
    cost: plus(day.cost, nanoFromText(cost.rounded)),
  });
}

const NOTHING_USED = { requests: 0n, promptTokens: 0n, completionTokens: 0n, reasoningTokens: 0n, cost: ZERO } as const;

/** Throws where a count is no integer: none that was charged is. */
const tokensOf = (classes: Readonly<Record<string, number>>, isCounted: (name: string) => boolean): bigint =>
  Object.entries(classes).reduce((sum, [name, tokens]) => (isCounted(name) ? sum + BigInt(tokens) : sum), 0n);

function accountOf({ stream }: Fact): string {
  if (!stream.startsWith(STREAM_PREFIX)) throw new Error(`stream ${stream} is no account's`);
  return stream.slice(STREAM_PREFIX.length);
}

function unknownEvent(event: never): never {
  throw new Error(`unknown event of an account: ${(event as { type: string }).type}`);
}
