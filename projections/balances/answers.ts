import { type NanoCredits, nano, plus, ZERO } from '../../src/kernel/credits.js';
import { type Instant, instantToText } from '../../src/kernel/time.js';
import type { AccountBalance, KeySpending, LotBalance } from './balance-tables.projection.js';
import { spentInWindow } from './row-changes.projection.js';

/** The arithmetic between the rows and an answer. Time is that of the question, so an expiry needs no event to count. */
const EXPIRING_WITHIN_MS = 7 * 86_400_000;

const freeOf = (lot: LotBalance): NanoCredits => nano(lot.remaining - lot.held - lot.frozen);
const isExpired = (lot: LotBalance, at: Instant): boolean => lot.expiresAt !== null && lot.expiresAt <= at;
const isEligible = (lot: LotBalance, at: Instant): boolean => lot.effectiveAt <= at && !isExpired(lot, at);
const sumOfFree = (lots: readonly LotBalance[]): NanoCredits => lots.reduce((total, lot) => plus(total, freeOf(lot)), ZERO);

/** What may be reserved: the free parts of the eligible lots; nothing while a receivable stands. */
export const available = (account: AccountBalance, lots: readonly LotBalance[], at: Instant): NanoCredits =>
  account.receivable > 0n ? ZERO : sumOfFree(lots.filter((lot) => isEligible(lot, at)));

/** The free parts of the eligible lots that expire within the next seven days. */
export const expiringCredits = (lots: readonly LotBalance[], at: Instant): NanoCredits =>
  sumOfFree(lots.filter((lot) => isEligible(lot, at) && lot.expiresAt !== null && lot.expiresAt <= at + EXPIRING_WITHIN_MS));

/**
 * The soonest expiry ahead, however far, of a lot of which anything remains, set aside or not: UTC without zone suffix, cut to the
 * second; empty where nothing expires.
 */
export function nextExpiration(lots: readonly LotBalance[], at: Instant): string {
  let soonest: Instant | undefined;
  for (const { remaining, expiresAt } of lots) {
    if (remaining > 0n && expiresAt !== null && expiresAt > at && (soonest === undefined || expiresAt < soonest))
      soonest = expiresAt;
  }
  return soonest === undefined ? '' : instantToText(soonest).slice(0, 'yyyy-mm-ddThh:mm:ss'.length);
}

/** What a key may still spend within its own limit; undefined where it has none. */
export function remainingOfKey(key: KeySpending, at: Instant): NanoCredits | undefined {
  if (key.limit === null) return undefined;
  const used = plus(spentInWindow(key, at), key.held);
  return used < key.limit ? nano(key.limit - used) : ZERO;
}
