import { least, type NanoCredits, nano, nanoToText } from '../../kernel/credits.js';
import type { LotId } from '../../kernel/ids.js';
import type { Instant } from '../../kernel/time.js';
import type { BurnDownOrder, LotAmount } from './accounts.events.js';

/** Credits granted at once, as far as they remain. */
export interface Lot {
  readonly lotId: LotId;
  readonly priority: number;
  /** Money paid per credit, in nano-units of the currency; zero where the credits were given. */
  readonly costBasis: bigint;
  readonly effectiveAt: Instant;
  readonly expiresAt: Instant | undefined;
  readonly remaining: NanoCredits;
  /** The part of `remaining` that open reservations have set aside. */
  readonly held: NanoCredits;
  /** The part of `remaining` that an open dispute has set aside. */
  readonly frozen: NanoCredits;
}

/** Lots in burn-down order. */
export type Lots = ReadonlyMap<LotId, Lot>;

/**
 * Which lot pays first, by the name that every reservation records. An order is total, and of what never changes about a lot, so
 * lots are sorted when granted. A new order is a new name; what was reserved under an old one keeps it.
 */
const BURN_DOWN_ORDERS: Readonly<Record<BurnDownOrder, (a: Lot, b: Lot) => number>> = {
  /** Priority ascending, expiry ascending (none last), cost basis ascending (free before paid), effective time, lot id. */
  'mcphub@1': (a, b) =>
    a.priority - b.priority ||
    compare(a.expiresAt ?? Number.POSITIVE_INFINITY, b.expiresAt ?? Number.POSITIVE_INFINITY) ||
    compare(a.costBasis, b.costBasis) ||
    a.effectiveAt - b.effectiveAt ||
    compare(a.lotId, b.lotId),
};

export function sortLots(lots: readonly Lot[], order: BurnDownOrder): Map<LotId, Lot> {
  return new Map([...lots].sort(BURN_DOWN_ORDERS[order]).map((lot) => [lot.lotId, lot]));
}

const compare = <T>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);

/** Whether a lot may pay at t: effectiveAt ≤ t < expiresAt. */
export const isEligible = (lot: Lot, at: Instant): boolean => lot.effectiveAt <= at && !isExpired(lot, at);
/** A lot that expires at t cannot be used at t. */
export const isExpired = (lot: Lot, at: Instant): boolean => lot.expiresAt !== undefined && at >= lot.expiresAt;
/** What of a lot neither a reservation holds nor a dispute has frozen. */
export const freeOf = (lot: Lot): NanoCredits => nano(lot.remaining - lot.held - lot.frozen);

/** What is free in the eligible lots. */
export function freeAt(lots: Lots, at: Instant): NanoCredits {
  let total = 0n;
  for (const lot of lots.values()) if (isEligible(lot, at)) total += freeOf(lot);
  return nano(total);
}

/**
 * Takes an amount from the free parts of the eligible lots, in order.
 * @returns the parts taken, and what could not be covered
 */
export function take(lots: Lots, amount: NanoCredits, at: Instant): { parts: LotAmount[]; missing: NanoCredits } {
  const parts: LotAmount[] = [];
  let missing = amount;
  for (const lot of lots.values()) {
    if (missing === 0n) break;
    if (!isEligible(lot, at)) continue;
    const part = least(freeOf(lot), missing);
    if (part === 0n) continue;
    parts.push({ lotId: lot.lotId, amount: nanoToText(part) });
    missing = nano(missing - part);
  }
  return { parts, missing };
}
