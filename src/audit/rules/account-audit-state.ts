import type { Instant } from '../../kernel/time.js';
import type { PriceVersions } from './account-audit-prices.js';

/** What an auditor knows of a lot: every way in and out of it by itself. Amounts in nano-credits. */
export interface AuditedLot {
  readonly lotId: string;
  readonly kind: string;
  readonly priority: number;
  readonly costBasis: bigint;
  readonly effectiveAt: Instant;
  /** Infinity where it does not expire. */
  readonly expiresAt: Instant;
  readonly paymentId: string | undefined;
  readonly granted: bigint;
  /** Given back by refunds of generations. */
  returned: bigint;
  adjusted: bigint;
  debited: bigint;
  /** Taken for what the account owed. */
  repaid: bigint;
  /** Of what it repaid, what refunds have given back. */
  repaidReturned: bigint;
  expired: bigint;
  clawedBack: bigint;
  cashRefunded: bigint;
  held: bigint;
  frozen: bigint;
  remaining: bigint;
}

export interface Part {
  readonly lotId: string;
  readonly amount: bigint;
}

export interface AuditedReservation {
  readonly reservationId: string;
  readonly generationId: string;
  readonly keyId: string;
  amount: bigint;
  readonly holds: Part[];
  settleBy: Instant;
  /** When it was made. */
  readonly at: Instant;
}

/** A reservation that has ended, as far as a later event may name it. */
export interface EndedReservation {
  readonly generationId: string;
  readonly keyId: string;
  as: 'settled' | 'released' | 'settled late';
}

/** Who paid for a generation, and what of that was given back. */
export interface PaidGeneration {
  readonly debits: Part[];
  shortfall: bigint;
  returned: bigint;
  waived: bigint;
  repaidReturned: bigint;
}

export interface AuditedKey {
  limit: bigint | undefined;
  limitReset: 'daily' | 'weekly' | 'monthly' | undefined;
  expiresAt: Instant;
  revoked: boolean;
  spent: bigint;
  windowStart: Instant;
  held: bigint;
}

export interface AuditedPayment {
  credits: bigint;
  cashRefunded: bigint;
  /** Claimed by disputes that are open or were lost. */
  disputed: bigint;
}

export interface AuditedDispute {
  readonly paymentId: string;
  readonly claimed: bigint;
  readonly frozen: Map<string, bigint>;
  status: 'open' | 'won' | 'lost';
}

/** Sums over all events of an account. */
export interface AuditTotals {
  granted: bigint;
  /** What calls cost, the part that nobody could pay included. */
  charged: bigint;
  /** Of it, what lots have paid, at once or later. */
  spent: bigint;
  expired: bigint;
  clawedBack: bigint;
  cashRefunded: bigint;
  /** Given back to lots. */
  refunded: bigint;
  waived: bigint;
  adjusted: bigint;
}

export const noTotals = (): AuditTotals => ({
  granted: 0n,
  charged: 0n,
  spent: 0n,
  expired: 0n,
  clawedBack: 0n,
  cashRefunded: 0n,
  refunded: 0n,
  waived: 0n,
  adjusted: 0n,
});

/** An account as its events tell it. */
export class AuditedAccount {
  at: Instant = Number.NEGATIVE_INFINITY;
  position = -1n;
  opened = false;
  tier = '';
  readonly lots = new Map<string, AuditedLot>();
  /** Lots of which something remains, in burn-down order. */
  open: AuditedLot[] = [];
  readonly keys = new Map<string, AuditedKey>();
  readonly grants = new Set<string>();
  readonly payments = new Map<string, AuditedPayment>();
  readonly disputes = new Map<string, AuditedDispute>();
  /** Ids of refunds and adjustments: each is made once. */
  readonly corrections = new Set<string>();
  readonly reservations = new Map<string, AuditedReservation>();
  receivable = 0n;
  ended = 0;
  readonly totals = noTotals();

  constructor(readonly prices: PriceVersions) {}

  addLot(lot: AuditedLot): void {
    this.lots.set(lot.lotId, lot);
    this.enlist(lot);
  }

  /** Puts a lot of which something remains where it belongs. */
  enlist(lot: AuditedLot): void {
    if (this.open.includes(lot)) return;
    const at = this.open.findIndex((other) => inBurnDownOrder(lot, other) < 0);
    this.open.splice(at < 0 ? this.open.length : at, 0, lot);
  }

  /** The free parts of eligible lots that pay an amount, in order, as far as they can. */
  firstFree(amount: bigint): Part[] {
    const parts: Part[] = [];
    let left = amount;
    for (const lot of this.open) {
      if (left === 0n) break;
      if (lot.effectiveAt > this.at || this.at >= lot.expiresAt) continue;
      const free = freeOf(lot);
      const part = left < free ? left : free;
      if (part <= 0n) continue;
      parts.push({ lotId: lot.lotId, amount: part });
      left -= part;
    }
    return parts;
  }

  /** Free in eligible lots, without regard to what the account owes. */
  free(at: Instant): bigint {
    let total = 0n;
    for (const lot of this.open) if (lot.effectiveAt <= at && at < lot.expiresAt) total += freeOf(lot);
    return total;
  }

  /** What may be reserved at a time: nothing while the account owes. */
  available(at: Instant = this.at): bigint {
    return this.receivable > 0n ? 0n : this.free(at);
  }
}

export const freeOf = (lot: AuditedLot): bigint => lot.remaining - lot.held - lot.frozen;

/** What remains of a lot by all that went in and out of it. */
export const balanceOf = (lot: AuditedLot): bigint =>
  lot.granted + lot.returned + lot.adjusted - lot.debited - lot.repaid - lot.expired - lot.clawedBack - lot.cashRefunded;

export const sumOf = (parts: readonly Part[]): bigint => parts.reduce((total, { amount }) => total + amount, 0n);

/** Order `mcphub@1`: priority, expiry (none last), cost basis, effective time, lot id. */
function inBurnDownOrder(a: AuditedLot, b: AuditedLot): number {
  return (
    a.priority - b.priority ||
    order(a.expiresAt, b.expiresAt) ||
    order(a.costBasis, b.costBasis) ||
    a.effectiveAt - b.effectiveAt ||
    order(a.lotId, b.lotId)
  );
}

const order = <T>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);
