import type { AccountEvent, LateSettlementRecorded } from '../../src/accounts/domain/accounts.events.js';
import { type NanoCredits, nanoFromText, plus, ZERO } from '../../src/kernel/credits.js';
import type { Fact, Projection } from '../runtime/projection.js';

/** What one provider served of one of its models in a day of UTC, over all accounts, by the time of the settlement. */
export interface ProviderDay {
  /** Id; empty where a charge was made without a call on record. */
  readonly provider: string;
  /** The provider's own name of the model. */
  readonly upstreamModel: string;
  /** `yyyy-mm-dd` */
  readonly day: string;
  readonly requests: bigint;
  /** Of the requests: those whose tokens were counted here, because the provider had reported none. */
  readonly estimatedRequests: bigint;
  /** Caches included. */
  readonly promptTokens: bigint;
  /** Reasoning included. */
  readonly completionTokens: bigint;
  /** What the accounts were charged: nano-credits. */
  readonly cost: NanoCredits;
}

export interface ProviderUsageTables {
  readonly days: ProviderDay;
}

type Charge = LateSettlementRecorded['data'];
const CHARGES: readonly AccountEvent['type'][] = ['ReservationSettled', 'LateSettlementRecorded'];

/**
 * What did each provider serve? For who compares it with what the provider says. Only calls that were charged count: a call that
 * failed, or that served nothing, is none that a provider is owed for, as far as we know.
 */
export const providerUsage: Projection<ProviderUsageTables> = {
  name: 'provider-usage',
  version: 1,
  streamPrefixes: ['account-'],
  keys: { days: ['provider', 'upstreamModel', 'day'] },

  rowsOf(fact) {
    const charge = chargeOf(fact);
    return { days: charge ? [keyOf(charge, fact)] : [] };
  },

  fold({ days }, fact) {
    const charge = chargeOf(fact);
    if (!charge) return;
    const key = keyOf(charge, fact);
    const day = days.find(key) ?? { ...key, ...NOTHING };
    const { classes, source } = charge.usage;
    days.put({
      ...day,
      requests: day.requests + 1n,
      estimatedRequests: day.estimatedRequests + (source === 'estimated' ? 1n : 0n),
      promptTokens: day.promptTokens + tokensOf(classes, isPrompt),
      completionTokens: day.completionTokens + tokensOf(classes, isCompletion),
      cost: plus(day.cost, nanoFromText(charge.cost.rounded)),
    });
  },
};

const NOTHING = { requests: 0n, estimatedRequests: 0n, promptTokens: 0n, completionTokens: 0n, cost: ZERO } as const;

const chargeOf = ({ type, data }: Fact): Charge | undefined =>
  CHARGES.includes(type as AccountEvent['type']) ? (data as Charge) : undefined;

function keyOf({ attempts }: Charge, { metadata }: Fact): Pick<ProviderDay, 'provider' | 'upstreamModel' | 'day'> {
  const served = attempts.at(-1);
  return {
    provider: served?.provider ?? '',
    upstreamModel: served?.upstreamModel ?? '',
    day: metadata.occurredAt.slice(0, 'yyyy-mm-dd'.length),
  };
}

const isPrompt = (name: string): boolean => name.startsWith('input_') || name.startsWith('cache_');
const isCompletion = (name: string): boolean => name.startsWith('output_');

/** Throws where a count is no integer: none that was charged is. */
function tokensOf(classes: Readonly<Record<string, number>>, isCounted: (name: string) => boolean): bigint {
  let sum = 0n;
  for (const name in classes) if (isCounted(name)) sum += BigInt(classes[name] as number);
  return sum;
}
