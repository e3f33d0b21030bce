const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** What is known of a call's money; nano-credits. */
export interface CallMoney {
  /** As it was settled. */
  readonly charged: bigint;
  /** Paid by lots at the settlement. */
  readonly debited: bigint;
  readonly shortfall: bigint;
  /** Given back to lots, or granted anew, by refunds of every kind. */
  readonly returned: bigint;
  /** Of the shortfall, what refunds have forgiven. */
  readonly waived: bigint;
  /** Of what refunds have given back or forgiven, what earlier repricings did. */
  readonly repricedBack: bigint;
  /** What earlier repricings have charged in addition, less what they have taken back of it. */
  readonly repricedCharges: bigint;
}

export interface CallEffect {
  /** What the call has cost, earlier repricings included. */
  readonly before: bigint;
  readonly after: bigint;
  /** What the account pays now; negative where it gets something back. */
  readonly effect: bigint;
  /** Of what it gets back, what earlier repricings had charged; the rest is a refund to the lots that paid. */
  readonly uncharged: bigint;
  /** What would have to be given back in addition, but was never paid by lots, or was given back before. */
  readonly unreturned: bigint;
}

/**
 * What has to happen so that a call has cost `after`. What was refunded by hand stays refunded: a difference is taken between what
 * is left to pay before and after, and a call that was given back whole stays free. What was charged last comes back first: the
 * charges of earlier repricings, then a refund, which is never more than the account's own rule gives back for the call.
 * @param owed of the account's receivable, what no refund of this repricing forgives yet
 */
export function effectOf(call: CallMoney, after: bigint, owed: bigint): CallEffect & { readonly owedAfter: bigint } {
  const before = call.charged - call.repricedBack + call.repricedCharges;
  const byHand = call.returned + call.waived - call.repricedBack;
  const [leftBefore, leftAfter] = [most(before - byHand, 0n), most(after - byHand, 0n)];
  const isGivenBack = byHand > 0n && leftBefore === 0n;
  const difference = isGivenBack ? 0n : leftAfter - leftBefore;
  if (difference >= 0n) return { before, after, effect: difference, uncharged: 0n, unreturned: 0n, owedAfter: owed };
  const uncharged = least(-difference, call.repricedCharges);
  const waivable = least(call.shortfall - call.waived, owed);
  const refund = least(-difference - uncharged, waivable + call.debited - call.returned);
  const back = uncharged + refund;
  return { before, after, effect: -back, uncharged, unreturned: -difference - back, owedAfter: owed - least(waivable, refund) };
}
