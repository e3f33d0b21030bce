import { minus, type NanoCredits, nano, nanoFromText, plus, ZERO } from '../../kernel/credits.js';
import type { AccountId, GrantId, KeyId, LotId, ReservationId } from '../../kernel/ids.js';
import { type Instant, instantFromText, type LimitReset, windowStart } from '../../kernel/time.js';
import type {
  AccountEvent,
  ApiKeyIssued,
  CreditsGranted,
  CreditsReserved,
  LotAmount,
  ReservationReleased,
  ReservationSettled,
  Tier,
} from './accounts.events.js';
import { freeAt, type Lot, type Lots, sortLots } from './burn-down.js';

/** What the next decision about an account needs, and no more. */
export interface Account {
  readonly accountId: AccountId;
  readonly username: string;
  readonly tier: Tier;
  /** Open lots in burn-down order; a lot leaves when nothing remains of it. */
  readonly lots: Lots;
  /** Every grant ever made, so that the same grant twice is one. */
  readonly grants: ReadonlyMap<GrantId, CreditsGranted['data']>;
  readonly reservations: ReadonlyMap<ReservationId, Reservation>;
  /** The last reservations that ended, so that ending one again answers with its first outcome. */
  readonly closed: ClosedReservations;
  readonly keys: ReadonlyMap<KeyId, ApiKey>;
  /** Cost that no lot could pay. While it stands nothing is available. */
  readonly receivable: NanoCredits;
  readonly lastEventAt: Instant;
}

export interface Reservation {
  readonly generationId: string;
  readonly keyId: KeyId;
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
  | { readonly as: 'released'; readonly reason: string };

export interface ApiKey {
  readonly keyId: KeyId;
  readonly secretHash: string;
  readonly limit: NanoCredits | undefined;
  readonly limitReset: LimitReset | undefined;
  readonly expiresAt: Instant | undefined;
  readonly revoked: boolean;
  /** Spent since `windowStart`; an older window counts nothing. */
  readonly spent: NanoCredits;
  readonly windowStart: Instant;
  readonly held: NanoCredits;
}

/**
 * Ended reservations remembered at least. It must exceed what one batch can end, so that a batch whose outcome was unknown finds its own
 * effect after a reload; beyond that a forgotten one is refused as not open, which charges nothing.
 */
const CLOSED_MIN = 256;

/** An account before its first event. */
export const initialAccount = (): Account => ({
  accountId: '',
  username: '',
  tier: 'free',
  lots: new Map(),
  grants: new Map(),
  reservations: new Map(),
  closed: { recent: new Map(), older: new Map() },
  keys: new Map(),
  receivable: ZERO,
  lastEventAt: 0,
});

export const isOpen = (account: Account): boolean => account.accountId !== '';

/**
 * Folds one event. It consumes the state: the maps of the argument are updated in place, because copying them for every event
 * makes a fold quadratic. Keep an earlier state with `copyAccount`.
 */
export function evolve(state: Account, event: AccountEvent, at: Instant): Account {
  const account = state as Mutable<Account>;
  account.lastEventAt = at;
  switch (event.type) {
    case 'AccountOpened':
      account.accountId = event.data.accountId;
      account.username = event.data.username;
      account.tier = event.data.tier;
      return account;
    case 'ApiKeyIssued':
      keysOf(account).set(event.data.keyId, issuedKey(event.data, at));
      return account;
    case 'ApiKeyRevoked':
      changeKey(account, event.data.keyId, (key) => ({ ...key, revoked: true }));
      return account;
    case 'CreditsGranted':
      account.lots = sortLots([...account.lots.values(), grantedLot(event.data)]);
      grantsOf(account).set(event.data.grantId, event.data);
      return account;
    case 'CreditsReserved':
      reserved(account, event.data);
      return account;
    case 'ReservationSettled':
      settled(account, event.data, at);
      return account;
    case 'ReservationReleased':
      released(account, event.data);
      return account;
    case 'CreditsExpired':
      changeLot(account, event.data.lotId, { remaining: -BigInt(event.data.amount) });
      return account;
    case 'ShortfallRepaid':
      changeLot(account, event.data.lotId, { remaining: -BigInt(event.data.amount) });
      account.receivable = minus(account.receivable, nanoFromText(event.data.amount));
      return account;
    default:
      return unknownEvent(event);
  }
}

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
});

/** What may be reserved at t, whether or not the expiry of a lot has been written yet. Nothing while the account owes. */
export const available = (account: Account, at: Instant): NanoCredits =>
  account.receivable > 0n ? ZERO : freeAt(account.lots, at);

/** What a key has spent in the limit window that holds `at`. */
export function spentInWindow(key: ApiKey, at: Instant): NanoCredits {
  return key.limitReset !== undefined && windowStart(key.limitReset, at) > key.windowStart ? ZERO : key.spent;
}

function reserved(account: Mutable<Account>, data: CreditsReserved['data']): void {
  const amount = nanoFromText(data.amount);
  for (const hold of data.holds) changeLot(account, hold.lotId, { held: BigInt(hold.amount) });
  changeKey(account, data.keyId, (key) => ({ ...key, held: plus(key.held, amount) }));
  reservationsOf(account).set(data.reservationId, {
    generationId: data.generationId,
    keyId: data.keyId,
    amount,
    holds: data.holds,
    settleBy: instantFromText(data.settleBy),
  });
}

function settled(account: Mutable<Account>, data: ReservationSettled['data'], at: Instant): void {
  const cost = nanoFromText(data.cost.rounded);
  const shortfall = nanoFromText(data.shortfall);
  const reservation = close(account, data.reservationId, { as: 'settled', cost, shortfall });
  for (const debit of data.debits) changeLot(account, debit.lotId, { remaining: -BigInt(debit.amount) });
  account.receivable = plus(account.receivable, shortfall);
  changeKey(account, reservation.keyId, (key) => ({
    ...key,
    spent: plus(spentInWindow(key, at), cost),
    windowStart: key.limitReset === undefined ? key.windowStart : windowStart(key.limitReset, at),
    held: minus(key.held, reservation.amount),
  }));
}

function released(account: Mutable<Account>, data: ReservationReleased['data']): void {
  const reservation = close(account, data.reservationId, { as: 'released', reason: data.reason });
  changeKey(account, reservation.keyId, (key) => ({ ...key, held: minus(key.held, reservation.amount) }));
}

/** Ends a reservation: what it held is held no longer. */
function close(account: Mutable<Account>, reservationId: ReservationId, outcome: ClosedReservation): Reservation {
  const reservation = account.reservations.get(reservationId);
  if (!reservation) throw new Error(`reservation ${reservationId} ended without being open`);
  for (const hold of reservation.holds) changeLot(account, hold.lotId, { held: -BigInt(hold.amount) });
  reservationsOf(account).delete(reservationId);
  if (account.closed.recent.size >= CLOSED_MIN) account.closed = { recent: new Map(), older: account.closed.recent };
  (account.closed.recent as Map<ReservationId, ClosedReservation>).set(reservationId, outcome);
  return reservation;
}

/** Adds to what remains of a lot and to what is held of it. The order of the lots does not depend on either. */
function changeLot(account: Account, lotId: LotId, change: { remaining?: bigint; held?: bigint }): void {
  const lot = account.lots.get(lotId);
  if (!lot) throw new Error(`an event names lot ${lotId}, of which nothing remains`);
  const remaining = nano(lot.remaining + (change.remaining ?? 0n));
  const held = nano(lot.held + (change.held ?? 0n));
  const lots = account.lots as Map<LotId, Lot>;
  if (remaining === 0n && held === 0n) lots.delete(lotId);
  else lots.set(lotId, { ...lot, remaining, held });
}

function changeKey(account: Account, keyId: KeyId, change: (key: ApiKey) => ApiKey): void {
  const key = account.keys.get(keyId);
  if (!key) throw new Error(`an event names key ${keyId}, which was never issued`);
  keysOf(account).set(keyId, change(key));
}

const issuedKey = (data: ApiKeyIssued['data'], at: Instant): ApiKey => ({
  keyId: data.keyId,
  secretHash: data.secretHash,
  limit: data.limit === undefined ? undefined : nanoFromText(data.limit),
  limitReset: data.limitReset,
  expiresAt: data.expiresAt === undefined ? undefined : instantFromText(data.expiresAt),
  revoked: false,
  spent: ZERO,
  windowStart: data.limitReset === undefined ? at : windowStart(data.limitReset, at),
  held: ZERO,
});

const grantedLot = (data: CreditsGranted['data']): Lot => ({
  lotId: data.lotId,
  priority: data.priority,
  costBasis: BigInt(data.costBasis),
  effectiveAt: instantFromText(data.effectiveAt),
  expiresAt: data.expiresAt === undefined ? undefined : instantFromText(data.expiresAt),
  remaining: nanoFromText(data.amount),
  held: ZERO,
});

function unknownEvent(event: never): never {
  throw new Error(`unknown event of an account: ${JSON.stringify(event)}`);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
const keysOf = (account: Account) => account.keys as Map<KeyId, ApiKey>;
const grantsOf = (account: Account) => account.grants as Map<GrantId, CreditsGranted['data']>;
const reservationsOf = (account: Account) => account.reservations as Map<ReservationId, Reservation>;
