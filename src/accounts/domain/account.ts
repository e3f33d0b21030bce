import { type NanoCredits, ZERO } from '../../kernel/credits.js';
import type { AccountId, GrantId, KeyId, LotId, ReservationId } from '../../kernel/ids.js';
import { type Instant, type LimitReset, windowStart } from '../../kernel/time.js';
import type {
  BurnDownOrder,
  CreditsAdjusted,
  CreditsGranted,
  GenerationRefunded,
  KeyKind,
  LotAmount,
  Tier,
  TopUpRefunded,
} from './accounts.events.js';
import { freeAt, type Lots } from './burn-down.js';

/** What the next decision about an account needs, and no more. */
export interface Account {
  readonly accountId: AccountId;
  readonly username: string;
  readonly tier: Tier;
  /** The tier that it was opened in, so that opening it again is known for the same. */
  readonly openedTier: Tier;
  readonly burnDownOrder: BurnDownOrder;
  /** Open lots in burn-down order; a lot leaves when nothing remains of it. */
  readonly lots: Lots;
  /** Every grant ever made, so that the same grant twice is one. */
  readonly grants: ReadonlyMap<GrantId, CreditsGranted['data']>;
  readonly reservations: ReadonlyMap<ReservationId, Reservation>;
  /** The last reservations that ended, so that ending one again answers with its first outcome. */
  readonly closed: ClosedReservations;
  readonly keys: ReadonlyMap<KeyId, ApiKey>;
  /** What was done by hand, for ever: asked twice, each has one effect. As rare as grants. */
  readonly refunds: ReadonlyMap<string, GenerationRefunded['data']>;
  readonly cashRefunds: ReadonlyMap<string, TopUpRefunded['data']>;
  readonly disputes: ReadonlyMap<string, Dispute>;
  readonly adjustments: ReadonlyMap<string, CreditsAdjusted['data']>;
  /** What the account owes: cost that no lot could pay, spent credits that were clawed back. While it stands nothing is available. */
  readonly receivable: NanoCredits;
  readonly lastEventAt: Instant;
}

export interface Reservation {
  readonly generationId: string;
  readonly keyId: KeyId;
  /** What was asked for at first. */
  readonly asked: NanoCredits;
  /** What is held in all. */
  readonly amount: NanoCredits;
  readonly holds: readonly LotAmount[];
  readonly settleBy: Instant;
}

/** Two generations: when the recent one is full it becomes the older one, whose predecessor is forgotten. */
export interface ClosedReservations {
  readonly recent: ReadonlyMap<ReservationId, ClosedReservation>;
  readonly older: ReadonlyMap<ReservationId, ClosedReservation>;
}

export type ClosedReservation =
  | { readonly as: 'settled'; readonly cost: NanoCredits; readonly shortfall: NanoCredits }
  | { readonly as: 'released'; readonly reason: string; readonly generationId: string; readonly keyId: KeyId };

/** A disputed payment: its lot's free part is frozen until the dispute ends. */
export interface Dispute {
  readonly paymentId: string;
  readonly lotId: LotId;
  readonly claimed: NanoCredits;
  readonly frozen: NanoCredits;
  readonly status: 'open' | 'won' | 'lost';
}

export interface ApiKey {
  readonly keyId: KeyId;
  readonly name: string;
  readonly secretHash: string;
  readonly kind: KeyKind;
  readonly issuedAt: Instant;
  /** When its terms were changed last; undefined where they never were. */
  readonly changedAt: Instant | undefined;
  readonly limit: NanoCredits | undefined;
  readonly limitReset: LimitReset | undefined;
  readonly expiresAt: Instant | undefined;
  /** Cannot be used for now; unlike `revoked`, this can be taken back. */
  readonly disabled: boolean;
  readonly revoked: boolean;
  /** Spent since `windowStart`; an older window counts nothing. */
  readonly spent: NanoCredits;
  readonly windowStart: Instant;
  readonly held: NanoCredits;
}

/** An account before its first event. */
export const initialAccount = (): Account => ({
  accountId: '',
  username: '',
  tier: 'free',
  openedTier: 'free',
  burnDownOrder: 'mcphub@1',
  lots: new Map(),
  grants: new Map(),
  reservations: new Map(),
  closed: { recent: new Map(), older: new Map() },
  keys: new Map(),
  refunds: new Map(),
  cashRefunds: new Map(),
  disputes: new Map(),
  adjustments: new Map(),
  receivable: ZERO,
  lastEventAt: 0,
});

export const isOpen = (account: Account): boolean => account.accountId !== '';

/** How a reservation ended, as far as that is remembered. */
export const closedReservation = ({ closed }: Account, reservationId: ReservationId): ClosedReservation | undefined =>
  closed.recent.get(reservationId) ?? closed.older.get(reservationId);

/** A copy that further folding of the original does not change. */
export const copyAccount = (account: Account): Account => ({
  ...account,
  lots: new Map(account.lots),
  grants: new Map(account.grants),
  reservations: new Map(account.reservations),
  closed: { recent: new Map(account.closed.recent), older: account.closed.older },
  keys: new Map(account.keys),
  refunds: new Map(account.refunds),
  cashRefunds: new Map(account.cashRefunds),
  disputes: new Map(account.disputes),
  adjustments: new Map(account.adjustments),
});

/** The grant that made a lot. Lots are numbered as they are granted, and no grant is ever forgotten. */
export function grantOfLot(account: Account, lotId: LotId): CreditsGranted['data'] | undefined {
  for (const grant of account.grants.values()) if (grant.lotId === lotId) return grant;
  return undefined;
}

/** The grant that a payment made. A payment makes one. */
export function grantOfPayment(account: Account, paymentId: string): CreditsGranted['data'] | undefined {
  for (const grant of account.grants.values()) if (grant.paymentId === paymentId) return grant;
  return undefined;
}

/** What of a payment was paid back, is disputed already, or was lost in a dispute. */
export function takenBack(account: Account, paymentId: string): bigint {
  let total = 0n;
  for (const refund of account.cashRefunds.values()) if (refund.paymentId === paymentId) total += BigInt(refund.amount);
  for (const dispute of account.disputes.values())
    if (dispute.paymentId === paymentId && dispute.status !== 'won') total += dispute.claimed;
  return total;
}

/** What may be reserved at t, whether or not the expiry of a lot has been written yet. Nothing while the account owes. */
export const available = (account: Account, at: Instant): NanoCredits =>
  account.receivable > 0n ? ZERO : freeAt(account.lots, at);

/** What a key has spent in the limit window that holds `at`. */
export function spentInWindow(key: ApiKey, at: Instant): NanoCredits {
  return key.limitReset !== undefined && windowStart(key.limitReset, at) > key.windowStart ? ZERO : key.spent;
}
