/** What every call must have cost, by the figures in its provider's own log and the published prices: no code of the gateway's. */
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import type { Gateway } from '../../support/gateway.js';
import type { AccountAudit } from '../../support/ledger-audit.js';
import { ask, type Json } from '../http.js';
import { HELD_AFTER, prompt, TEXT } from './scenes.js';
import type { LoggedCall } from './upstreams.js';

/** Tokens by what they are charged as. */
interface Counts {
  readonly prompt: number;
  readonly input_cache_read: number;
  readonly input_cache_write: number;
  readonly input_cache_write_1h: number;
  readonly completion: number;
  readonly internal_reasoning: number;
}
type PriceName = keyof Counts;

/** What a price of its own is not published for is charged as this. */
const ELSE: Readonly<Partial<Record<PriceName, PriceName>>> = {
  input_cache_read: 'prompt',
  input_cache_write: 'prompt',
  input_cache_write_1h: 'input_cache_write',
  internal_reasoning: 'completion',
};
const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];

/** `GET /v1/models`: the `pricing` of each model by its id. */
export async function publishedPricing(gateway: Gateway): Promise<ReadonlyMap<string, Json>> {
  const { json } = await ask(gateway, '/v1/models');
  return new Map(json.data.map(({ id, pricing }: Json) => [id, pricing]));
}

/**
 * Nano-credits, rounded up once.
 * @param at the moment of the price, for models whose price has hours
 */
export function costOf(call: LoggedCall, pricing: Json, at: Date): bigint {
  const counts = countsOf(call);
  const prices = { ...pricing, ...overridesAt(pricing, at) };
  const priceOf = (name: PriceName): bigint =>
    prices[name] === undefined ? priceOf(ELSE[name] as PriceName) : pico(prices[name]);
  const exact = (Object.keys(counts) as PriceName[]).reduce((sum, name) => sum + BigInt(counts[name]) * priceOf(name), 0n);
  return (exact + 999n) / 1000n;
}

/** Where the client left, the provider's log has no total: the charge is by the tokens of what was said, in o200k. */
function countsOf(call: LoggedCall): Counts {
  const counts = loggedCounts(call);
  if (call.endedBy !== 'client_gone') return counts;
  const completion = countTokens(TEXT.slice(0, HELD_AFTER).join(''));
  const isTold = counts.prompt > 0;
  // OpenAI's own rule: 3 tokens for the message, and 3 for the start of the answer.
  return { ...counts, ...(!isTold && { prompt: countTokens(prompt('hold')) + 6 }), completion, internal_reasoning: 0 };
}

function loggedCounts({ upstream, usage }: LoggedCall): Counts {
  const none = { input_cache_write: 0, input_cache_write_1h: 0 };
  switch (upstream) {
    case 'openai':
    case 'deepseek': {
      const { cached_tokens = 0 } = usage?.prompt_tokens_details ?? {};
      const { reasoning_tokens = 0 } = usage?.completion_tokens_details ?? {};
      const { prompt_tokens = 0, completion_tokens = 0 } = usage ?? {};
      const output = { completion: completion_tokens - reasoning_tokens, internal_reasoning: reasoning_tokens };
      return { ...none, prompt: prompt_tokens - cached_tokens, input_cache_read: cached_tokens, ...output };
    }
    case 'anthropic': {
      const { thinking_tokens = 0 } = usage.output_tokens_details ?? {};
      return {
        prompt: usage.input_tokens,
        input_cache_read: usage.cache_read_input_tokens,
        input_cache_write: usage.cache_creation.ephemeral_5m_input_tokens,
        input_cache_write_1h: usage.cache_creation.ephemeral_1h_input_tokens,
        completion: usage.output_tokens - thinking_tokens,
        internal_reasoning: thinking_tokens,
      };
    }
    case 'gemini': {
      const { promptTokenCount, cachedContentTokenCount: cached, candidatesTokenCount, thoughtsTokenCount } = usage;
      const output = { completion: candidatesTokenCount, internal_reasoning: thoughtsTokenCount };
      return { ...none, prompt: promptTokenCount - cached, input_cache_read: cached, ...output };
    }
  }
}

/** The overrides that hold, the later in the list over those before it. No prompt here is long enough for a tier. */
function overridesAt({ overrides = [] }: Json, at: Date): Json {
  const clock = at.getUTCHours() * 100 + at.getUTCMinutes();
  const holds = ({ utc_start: start, utc_end: end, utc_days: days, min_prompt_tokens }: Json) =>
    min_prompt_tokens === undefined &&
    (days === undefined || days.includes(DAYS[at.getUTCDay()])) &&
    (start === undefined || (start < end ? clock >= start && clock < end : clock >= start || clock < end));
  return Object.assign({}, ...overrides.filter(holds));
}

function pico(decimal: string): bigint {
  const [whole = '0', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.padEnd(12, '0'));
}

export interface Settlement {
  readonly model: string;
  /** The id in the provider's answer. */
  readonly upstreamId: string;
  /** Nano-credits. */
  readonly charged: bigint;
  readonly pricedAt: Date;
}

/** What the accounts' streams say of each generation that was charged. */
export const settlementsIn = (audits: readonly AccountAudit[]): Settlement[] =>
  audits.flatMap(({ facts }) =>
    facts
      .filter(({ type }) => type === 'ReservationSettled')
      .map(({ data }) => ({
        model: data.priceVersion.slice(0, data.priceVersion.lastIndexOf('@')),
        upstreamId: data.attempts.at(-1).upstreamId,
        charged: BigInt(data.cost.rounded),
        pricedAt: new Date(data.pricedAt ?? 0),
      })),
  );
