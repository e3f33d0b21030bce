import type { LotAmount } from '../../src/accounts/domain/accounts.events.js';
import type { NanoCredits } from '../../src/kernel/credits.js';
import type { Instant, LimitReset } from '../../src/kernel/time.js';
import type { RowsOf } from '../runtime/projection.js';

/** The rows that answer what an account has and what a key may spend. Amounts are nano-credits. */
export interface BalanceTables {
  readonly accounts: AccountBalance;
  readonly lots: LotBalance;
  readonly keys: KeySpending;
  readonly reservations: OpenReservation;
}

export interface AccountBalance {
  readonly accountId: string;
  readonly username: string;
  readonly tier: string;
  /** Everything ever granted, top-ups and grants, as corrected by adjustments. */
  readonly totalEarned: NanoCredits;
  /** What of `totalEarned` are corrections by hand: below zero where more was taken away than given. */
  readonly totalAdjusted: bigint;
  /** What lots have paid and have not got back: debits, shortfalls when they are repaid, less what refunds gave back. */
  readonly totalSpent: NanoCredits;
  readonly totalExpired: NanoCredits;
  /** Taken out because the payment that had bought it was lost in a dispute. */
  readonly totalClawedBack: NanoCredits;
  /** Taken out because its price was paid back. */
  readonly totalCashRefunded: NanoCredits;
  /** Owed: what no lot has paid yet. While it stands nothing is available. */
  readonly receivable: NanoCredits;
  /** Of the account's last event folded: its place in `$all` and in the account's stream, and when it was decided. */
  readonly position: bigint;
  readonly revision: bigint;
  readonly lastEventAt: Instant;
}

/** Stays when nothing remains of it: a refund may give something back. */
export interface LotBalance {
  readonly accountId: string;
  readonly lotId: string;
  readonly kind: string;
  readonly granted: NanoCredits;
  readonly remaining: NanoCredits;
  /** The part of `remaining` that open reservations have set aside. */
  readonly held: NanoCredits;
  /** The part of `remaining` that a dispute keeps from being spent. */
  readonly frozen: NanoCredits;
  readonly priority: number;
  /** Money paid per credit, in nano-units of the currency. */
  readonly costBasis: bigint;
  readonly effectiveAt: Instant;
  readonly expiresAt: Instant | null;
}

export interface KeySpending {
  readonly accountId: string;
  readonly keyId: string;
  readonly limit: NanoCredits | null;
  readonly limitReset: LimitReset | null;
  /** Set aside by the key's open reservations. */
  readonly held: NanoCredits;
  /** Cost of what was settled since `windowStart`, whether or not credits covered it, and whether or not it was refunded. */
  readonly spentInWindow: NanoCredits;
  /** Start of the limit's window of the last settlement; where the limit never resets, since when spending counts. */
  readonly windowStart: Instant;
  readonly expiresAt: Instant | null;
  readonly revoked: boolean;
}

/** Kept until the reservation ends, because its end says what was paid and not what was held. */
export interface OpenReservation {
  readonly accountId: string;
  readonly reservationId: string;
  readonly keyId: string;
  readonly amount: NanoCredits;
  readonly holds: readonly LotAmount[];
  /** By when it is to end; overdue from then on. */
  readonly settleBy: Instant;
}

export type BalanceRows = RowsOf<BalanceTables>;
