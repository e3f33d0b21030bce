import type { Instant } from '../../src/kernel/time.js';
import type { LotBalance } from './balance-tables.projection.js';

/**
 * The order in which lots pay, `mcphub@1`: priority ascending, expiry ascending (none last), cost basis ascending, effective time, lot
 * id. As the write side has it; a property test compares the two.
 */
export const inBurnDownOrder = (a: LotBalance, b: LotBalance): number =>
  a.priority - b.priority ||
  compare(a.expiresAt ?? Number.POSITIVE_INFINITY, b.expiresAt ?? Number.POSITIVE_INFINITY) ||
  compare(a.costBasis, b.costBasis) ||
  a.effectiveAt - b.effectiveAt ||
  compare(a.lotId, b.lotId);

const compare = <T>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);

/** What was spent in a time, taken for what will be: nano-credits in so many milliseconds. */
export interface SpendingRate {
  readonly spent: bigint;
  readonly inMs: number;
}

/** What becomes of a lot until it expires, if spending goes on as it did. */
export interface LotForecast {
  readonly lot: LotBalance;
  readonly expiresAt: Instant;
  /** Free now: neither set aside nor frozen. */
  readonly free: bigint;
  /** Nano-credits. Both add up to `free`. */
  readonly expectedUsed: bigint;
  readonly expectedToExpire: bigint;
}

/**
 * Foresees which lots expire unused until a moment, the soonest first: from now on, spending goes on evenly and takes the free parts
 * of the lots in burn-down order, each from its effective time until its expiry. What no lot can pay is not spent. Between two
 * turns spending is rounded down, each time: then every lot has at least what it would exactly have, and what expires is never
 * understated.
 */
export function foresee(lots: readonly LotBalance[], rate: SpendingRate, now: Instant, until: Instant): LotForecast[] {
  const order = lots.filter((lot) => !isExpired(lot, now)).sort(inBurnDownOrder);
  const free = new Map(order.map((lot) => [lot.lotId, lot.remaining - lot.held - lot.frozen]));
  const left = new Map(free);
  let from = now;
  for (const turn of turnsOf(order, now, until)) {
    let spending = spentBy(rate, turn - from);
    for (const lot of order) {
      if (spending === 0n) break;
      if (lot.effectiveAt > from || isExpired(lot, from)) continue;
      const remaining = left.get(lot.lotId) as bigint;
      const part = spending < remaining ? spending : remaining;
      left.set(lot.lotId, remaining - part);
      spending -= part;
    }
    from = turn;
  }
  return order
    .flatMap((lot) => {
      const [atFirst, atLast] = [free.get(lot.lotId) as bigint, left.get(lot.lotId) as bigint];
      if (lot.expiresAt === null || lot.expiresAt > until || atFirst === 0n) return [];
      return [{ lot, expiresAt: lot.expiresAt, free: atFirst, expectedUsed: atFirst - atLast, expectedToExpire: atLast }];
    })
    .sort((a, b) => a.expiresAt - b.expiresAt || inBurnDownOrder(a.lot, b.lot));
}

/** The moments at which other lots begin or cease to pay, and the last one. */
function turnsOf(lots: readonly LotBalance[], now: Instant, until: Instant): Instant[] {
  const turns = new Set<Instant>([until]);
  for (const { effectiveAt, expiresAt } of lots) {
    if (effectiveAt > now && effectiveAt < until) turns.add(effectiveAt);
    if (expiresAt !== null && expiresAt < until) turns.add(expiresAt);
  }
  return [...turns].sort((a, b) => a - b);
}

const isExpired = ({ expiresAt }: LotBalance, at: Instant): boolean => expiresAt !== null && expiresAt <= at;
const spentBy = ({ spent, inMs }: SpendingRate, ms: number): bigint => (spent * BigInt(ms)) / BigInt(inMs);
