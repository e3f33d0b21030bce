import { formatCredits, formatPrice, type NanoCredits, nano, pico } from '../kernel/credits.js';
import { instantToText } from '../kernel/time.js';
import type { ChargedCall } from './charged-calls.js';
import type { NotRated } from './domain/repricing.events.js';
import { type Rating, rateCall } from './rate-call.js';

/** What calls have cost, and would have cost by other prices. It depends on nothing but these. */
export function whatIf(calls: readonly ChargedCall[], rating: Rating): object {
  const total = new Comparison();
  const byModel = new Map<string, Comparison>();
  const notRated: NotRated[] = [];
  const compared: object[] = [];
  for (const call of calls) {
    const { generationId, model } = call;
    const cost = rateCall(call, rating);
    if (typeof cost === 'string') {
      notRated.push({ generationId, reason: cost });
      continue;
    }
    const own = byModel.get(model) ?? new Comparison();
    byModel.set(model, own);
    for (const sums of [total, own]) sums.add(call, cost);
    compared.push({
      generation_id: generationId,
      model,
      settled_at: instantToText(call.settledAt),
      price_version: call.priceVersion,
      charged: { exact: formatPrice(pico(call.exact)), cost: formatCredits(nano(call.rounded)) },
      other: { exact: formatPrice(cost.exact), cost: formatCredits(cost.rounded) },
      difference: { exact: signed(cost.exact - call.exact, formatPico), cost: signedCredits(cost.rounded - call.rounded) },
    });
  }
  return {
    calls: compared,
    not_rated: notRated.map(({ generationId, reason }) => ({ generation_id: generationId, reason })),
    by_model: [...byModel].map(([model, sums]) => ({ model, ...sums.toJson() })),
    total: total.toJson(),
  };
}

/** Sums over calls. */
class Comparison {
  private calls = 0;
  private readonly charged = { exact: 0n, rounded: 0n };
  private readonly other = { exact: 0n, rounded: 0n };

  add(charged: { exact: bigint; rounded: bigint }, other: { exact: bigint; rounded: bigint }): void {
    this.calls += 1;
    this.charged.exact += charged.exact;
    this.charged.rounded += charged.rounded;
    this.other.exact += other.exact;
    this.other.rounded += other.rounded;
  }

  toJson(): object {
    const { charged, other } = this;
    return {
      calls: this.calls,
      charged: { exact: formatPico(charged.exact), cost: formatCredits(nano(charged.rounded)) },
      other: { exact: formatPico(other.exact), cost: formatCredits(nano(other.rounded)) },
      difference: {
        exact: signed(other.exact - charged.exact, formatPico),
        cost: signedCredits(other.rounded - charged.rounded),
      },
    };
  }
}

const formatPico = (amount: bigint): string => formatPrice(pico(amount));
const signed = (amount: bigint, format: (amount: bigint) => string): string =>
  amount < 0n ? `-${format(-amount)}` : format(amount);

/** Nano-credits as credits, also below zero. */
export const signedCredits = (amount: bigint): string => signed(amount, (value) => formatCredits(value as NanoCredits));
