import { createHash } from 'node:crypto';
import { canonicalJson } from '../event-store/canonical-json.js';
import type { ChargedCall } from './charged-calls.js';
import { type CallMoney, effectOf } from './domain/call-effect.js';
import type { Difference, ModelTotals, NotRated, Totals } from './domain/repricing.events.js';
import { type Rating, rateCall } from './rate-call.js';

/** What a repricing would come to now. */
export interface DryRun {
  readonly calls: readonly Difference[];
  readonly notRated: readonly NotRated[];
  readonly totals: Totals;
  readonly byModel: readonly ModelTotals[];
  readonly differencesHash: string;
}

/** What earlier repricings have charged in addition and not given back, by generation; nano-credits. */
export type EarlierCharges = ReadonlyMap<string, bigint>;

/** Refunds and adjustments of this name were made by repricings. */
export const REPRICE = 'reprice:';
export const chargeId = (repricingId: string): string => `${REPRICE}${repricingId}`;
export const unchargeId = (repricingId: string): string => `${REPRICE}${repricingId}:back`;
/** No id of a repricing has a colon. */
export const repricingOf = (adjustmentId: string): string | undefined =>
  adjustmentId.startsWith(REPRICE) ? adjustmentId.split(':')[1] : undefined;

/** @param owed the account's receivable: refunds forgive it first, one call after the other */
export function dryRun(found: readonly ChargedCall[], rating: Rating, earlier: EarlierCharges, owed: bigint): DryRun {
  const models = new Map<string, Sums>();
  const total = new Sums();
  const calls: Difference[] = [];
  const notRated: NotRated[] = [];
  let left = owed;
  for (const call of found) {
    const cost = rateCall(call, rating);
    if (typeof cost === 'string') {
      notRated.push({ generationId: call.generationId, reason: cost });
      continue;
    }
    if (!models.has(call.model)) models.set(call.model, new Sums());
    const effect = effectOf(moneyOf(call, earlier.get(call.generationId) ?? 0n), cost.rounded, left);
    left = effect.owedAfter;
    calls.push({
      generationId: call.generationId,
      model: [...models.keys()].indexOf(call.model),
      before: effect.before.toString(),
      after: effect.after.toString(),
      effect: effect.effect.toString(),
      ...(effect.uncharged === 0n ? {} : { uncharged: effect.uncharged.toString() }),
    });
    for (const sums of [total, models.get(call.model)]) sums?.add(effect);
  }
  const byModel = [...models].map(([model, sums]) => ({ model, ...sums.totals() }));
  return { calls, notRated, totals: total.totals(), byModel, differencesHash: hashOf({ calls, notRated }) };
}

export const hashOf = (value: object): string => createHash('sha256').update(canonicalJson(value)).digest('hex');

function moneyOf({ rounded, debits, shortfall, refunds }: ChargedCall, repricedCharges: bigint): CallMoney {
  let [returned, waived, repricedBack] = [0n, 0n, 0n];
  for (const refund of refunds) {
    returned += BigInt(refund.amount) - BigInt(refund.waived);
    waived += BigInt(refund.waived);
    if (refund.refundId.startsWith(REPRICE)) repricedBack += BigInt(refund.amount);
  }
  const debited = debits.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
  return { charged: rounded, debited, shortfall, returned, waived, repricedBack, repricedCharges };
}

class Sums {
  private calls = 0;
  private before = 0n;
  private after = 0n;
  private refunds = 0n;
  private charges = 0n;
  private unreturned = 0n;

  add({ before, after, effect, unreturned }: { before: bigint; after: bigint; effect: bigint; unreturned: bigint }): void {
    this.calls += 1;
    this.before += before;
    this.after += after;
    if (effect < 0n) this.refunds -= effect;
    else this.charges += effect;
    this.unreturned += unreturned;
  }

  totals(): Totals {
    const text = (amount: bigint) => amount.toString();
    return {
      calls: this.calls,
      before: text(this.before),
      after: text(this.after),
      refunds: text(this.refunds),
      charges: text(this.charges),
      unreturned: text(this.unreturned),
    };
  }
}
