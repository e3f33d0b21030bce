import type { Instant } from '../../src/kernel/time.js';
import type { RowsOf } from '../runtime/projection.js';
import type { LedgerAccount, LotClass } from './chart.projection.js';

/** The rows of the journal. Amounts are nano-credits; months are of UTC, `yyyy-mm`. */
export interface JournalTables {
  readonly entries: JournalEntry;
  readonly sums: SumOfMonth;
  readonly totals: TotalOfMonth;
  readonly lots: ClassOfLot;
  readonly reservations: ReservationMonth;
  readonly closings: Closing;
}

/** What one event posts. */
export interface JournalEntry {
  readonly position: bigint;
  readonly accountId: string;
  readonly revision: bigint;
  readonly occurredAt: Instant;
  readonly type: string;
  /** The month that it is posted in. */
  readonly period: string;
  /** The month that it belongs to, where that is another. */
  readonly originalPeriod: string | null;
  /** The month it happened in was closed: it is posted later, and not in the sums of that month. */
  readonly isLate: boolean;
  /** The id of the grant, reservation's generation, refund, dispute, … ; empty where there is none. */
  readonly reference: string;
  /** `available:promo=100 held:promo=-100`: debits positive, zero in sum. */
  readonly lines: string;
  /** How the account's own credits changed: available, held and frozen together. */
  readonly owned: bigint;
  /** How what the account owes changed. */
  readonly receivable: bigint;
}

export interface Sum {
  readonly debits: bigint;
  readonly credits: bigint;
}
export type Sums = ReadonlyMap<LedgerAccount, Sum>;

/** What was posted to an account's ledger in the month that it happened in. Late entries are not in it: they are few, and are read. */
export interface SumOfMonth {
  readonly accountId: string;
  readonly month: string;
  readonly sums: Sums;
  readonly owned: bigint;
  readonly receivable: bigint;
}

/** The same over all accounts. */
export interface TotalOfMonth {
  readonly month: string;
  readonly sums: Sums;
}

export interface ClassOfLot {
  readonly accountId: string;
  readonly lotId: string;
  readonly lotClass: LotClass;
}

/** Kept until it is settled; where it was given back, for ever: it may be charged late. */
export interface ReservationMonth {
  readonly accountId: string;
  readonly reservationId: string;
  /** The month it was made in. */
  readonly month: string;
  readonly isOpen: boolean;
  readonly heldTopUp: bigint;
  readonly heldPromo: bigint;
  readonly heldGoodwill: bigint;
}

/** The one row that says what is closed. */
export interface Closing {
  readonly id: 'closing';
  /** The first month that was ever closed by itself; null where none is closed. */
  readonly first: string | null;
  readonly closedThrough: string | null;
}

export type JournalRows = RowsOf<JournalTables>;
