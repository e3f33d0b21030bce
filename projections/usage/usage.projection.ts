import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import { plus } from '../../src/kernel/credits.js';
import { type Instant, instantFromText } from '../../src/kernel/time.js';
import { ACCOUNT_PREFIX, accountOf, unknownEvent } from '../runtime/account-facts.projection.js';
import type { Fact, Projection } from '../runtime/projection.js';
import { countsOf, NOTHING_USED } from './counts.projection.js';
import { type ChargeEvent, evolveGeneration, type GenerationEvent } from './generation.projection.js';
import type { UsageOfSpan, UsageTables } from './usage-tables.projection.js';

/**
 * What was used: call by call, and by account, key, model, provider and hour or day of UTC. A call counts when it is charged, so a
 * span that is over never changes: a late settlement counts when it is recorded, and a refund changes no usage. What was given
 * back is no usage. Σ cost over the spans of a key = what the key was charged since it was issued, to the nano-credit.
 */
export const usage: Projection<UsageTables> = {
  name: 'usage',
  version: 2,
  streamPrefixes: [ACCOUNT_PREFIX],
  keys: {
    generations: ['accountId', 'generationId'],
    hours: ['accountId', 'hour', 'keyId', 'model', 'provider'],
    days: ['accountId', 'day', 'keyId', 'model', 'provider'],
  },

  rowsOf(fact) {
    const event = generationEventOf(fact as Fact & AccountEvent);
    if (!event) return { generations: [], hours: [], days: [] };
    const accountId = accountOf(fact);
    const generations = [{ accountId, generationId: event.data.generationId }];
    if (!isCharge(event)) return { generations, hours: [], days: [] };
    const user = userOf(accountId, event.data);
    return {
      generations,
      hours: [{ ...user, hour: hourOf(fact.metadata.occurredAt) }],
      days: [{ ...user, day: dayOf(fact.metadata.occurredAt) }],
    };
  },

  fold(rows, fact) {
    const event = generationEventOf(fact as Fact & AccountEvent);
    if (!event) return;
    const accountId = accountOf(fact);
    const { revision, position, metadata } = fact;
    const place = { revision, position, at: instantFromText(metadata.occurredAt) };
    const known = rows.generations.find({ accountId, generationId: event.data.generationId });
    const generation = evolveGeneration(known, event, accountId, place);
    rows.generations.put(generation);
    if (!isCharge(event)) return;
    const user = userOf(accountId, event.data);
    const hour = { ...user, hour: hourOf(metadata.occurredAt) };
    const day = { ...user, day: dayOf(metadata.occurredAt) };
    const counts = countsOf(event.data);
    const estimated = event.data.usage.source === 'estimated' ? 1n : 0n;
    const { reservedAt } = generation;
    rows.hours.put(counted(rows.hours.find(hour) ?? { ...hour, ...unused(position, reservedAt) }));
    rows.days.put(counted(rows.days.find(day) ?? { ...day, ...unused(position, reservedAt) }));

    /** Written out: this is what most of a rebuild's time goes into, and a spread of one object into another is slow. */
    function counted<Span extends UsageOfSpan>(span: Span): Span {
      return {
        ...span,
        promptTokens: span.promptTokens + counts.promptTokens,
        cachedTokens: span.cachedTokens + counts.cachedTokens,
        completionTokens: span.completionTokens + counts.completionTokens,
        reasoningTokens: span.reasoningTokens + counts.reasoningTokens,
        cost: plus(span.cost, counts.cost),
        requests: span.requests + 1n,
        estimatedRequests: span.estimatedRequests + estimated,
        lastPosition: position,
        reservedFrom: Math.min(span.reservedFrom, reservedAt),
      };
    }
  },
};

const unused = (position: bigint, reservedAt: Instant) => ({
  ...NOTHING_USED,
  requests: 0n,
  estimatedRequests: 0n,
  firstPosition: position,
  lastPosition: position,
  reservedFrom: reservedAt,
});

type User = Pick<UsageOfSpan, 'accountId' | 'keyId' | 'model' | 'provider'>;
const userOf = (accountId: string, { keyId, model, attempts }: ChargeEvent['data']): User => ({
  accountId,
  keyId,
  model,
  provider: attempts.at(-1)?.provider ?? '',
});

/** Undefined for what says nothing of usage. Throws where the event is unknown. */
function generationEventOf(event: Fact & AccountEvent): (Fact & GenerationEvent) | undefined {
  switch (event.type) {
    case 'CreditsReserved':
    case 'ReservationExtended':
    case 'ReservationSettled':
    case 'ReservationReleased':
    case 'LateSettlementRecorded':
    case 'GenerationRefunded':
      return event;
    case 'AccountOpened':
    case 'TierChanged':
    case 'ApiKeyIssued':
    case 'ApiKeyChanged':
    case 'ApiKeyRevoked':
    case 'CreditsGranted':
    case 'CreditsExpired':
    case 'ShortfallRepaid':
    case 'TopUpRefunded':
    case 'LotsFrozen':
    case 'LotsUnfrozen':
    case 'CreditsClawedBack':
    case 'CreditsAdjusted':
      return undefined;
  }
  return unknownEvent(event);
}

const isCharge = (event: GenerationEvent): event is ChargeEvent =>
  event.type === 'ReservationSettled' || event.type === 'LateSettlementRecorded';

const hourOf = (occurredAt: string): string => occurredAt.slice(0, 'yyyy-mm-ddThh'.length);
const dayOf = (occurredAt: string): string => occurredAt.slice(0, 'yyyy-mm-dd'.length);
