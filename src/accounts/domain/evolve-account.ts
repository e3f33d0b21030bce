import { minus, type NanoCredits, nano, nanoFromText, plus, ZERO } from '../../kernel/credits.js';
import type { KeyId, LotId, ReservationId } from '../../kernel/ids.js';
import { type Instant, instantFromText, windowStart } from '../../kernel/time.js';
import {
  type Account,
  type ApiKey,
  type ClosedReservation,
  grantOfLot,
  grantOfPayment,
  type Reservation,
  spentInWindow,
} from './account.js';
import type {
  AccountEvent,
  ApiKeyChanged,
  ApiKeyIssued,
  CreditsGranted,
  CreditsReserved,
  LateSettlementRecorded,
  LotsFrozen,
  ReservationExtended,
  ReservationReleased,
  ReservationSettled,
} from './accounts.events.js';
import { type Lot, sortLots } from './burn-down.js';

/**
 * Ended reservations remembered at least. It must exceed what one batch can end, so that a batch whose outcome was unknown finds its own
 * effect after a reload; beyond that a forgotten one is refused as not open, which charges nothing.
 */
const CLOSED_MIN = 256;

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
      account.openedTier = event.data.tier;
      account.burnDownOrder = event.data.burnDownOrder;
      return account;
    case 'TierChanged':
      account.tier = event.data.to;
      return account;
    case 'ApiKeyIssued':
      mutable(account.keys).set(event.data.keyId, issuedKey(event.data, at));
      return account;
    case 'ApiKeyChanged':
      changeKey(account, event.data.keyId, (key) => changedKey(key, event.data, at));
      return account;
    case 'ApiKeyRevoked':
      changeKey(account, event.data.keyId, (key) => ({ ...key, revoked: true }));
      return account;
    case 'CreditsGranted':
      mutable(account.grants).set(event.data.grantId, event.data);
      openLot(account, grantedLot(event.data, nanoFromText(event.data.amount)));
      return account;
    case 'CreditsReserved':
      reserved(account, event.data);
      return account;
    case 'ReservationExtended':
      extended(account, event.data);
      return account;
    case 'ReservationSettled':
      settled(account, event.data, at);
      return account;
    case 'ReservationReleased':
      released(account, event.data);
      return account;
    case 'LateSettlementRecorded':
      settledLate(account, event.data, at);
      return account;
    case 'CreditsExpired':
      changeLot(account, event.data.lotId, { remaining: -BigInt(event.data.amount) });
      return account;
    case 'ShortfallRepaid':
      changeLot(account, event.data.lotId, { remaining: -BigInt(event.data.amount) });
      account.receivable = minus(account.receivable, nanoFromText(event.data.amount));
      return account;
    case 'GenerationRefunded':
      mutable(account.refunds).set(event.data.refundId, event.data);
      for (const credit of event.data.credits) giveTo(account, credit.lotId, nanoFromText(credit.amount));
      account.receivable = minus(account.receivable, nanoFromText(event.data.waived));
      return account;
    case 'TopUpRefunded':
      mutable(account.cashRefunds).set(event.data.refundId, event.data);
      changeLot(account, event.data.lotId, { remaining: -BigInt(event.data.amount) });
      return account;
    case 'LotsFrozen':
      frozen(account, event.data);
      return account;
    case 'LotsUnfrozen':
      for (const { lotId, amount } of event.data.lots) changeLot(account, lotId, { frozen: -BigInt(amount) });
      endDispute(account, event.data.disputeId, 'won');
      return account;
    case 'CreditsClawedBack':
      for (const { lotId, amount } of event.data.lots)
        changeLot(account, lotId, { frozen: -BigInt(amount), remaining: -BigInt(amount) });
      account.receivable = plus(account.receivable, nanoFromText(event.data.receivable));
      endDispute(account, event.data.disputeId, 'lost');
      return account;
    case 'CreditsAdjusted':
      mutable(account.adjustments).set(event.data.adjustmentId, event.data);
      for (const line of event.data.lines) {
        const amount = BigInt(line.amount);
        if (amount > 0n) giveTo(account, line.lotId, nano(amount));
        else changeLot(account, line.lotId, { remaining: amount });
      }
      return account;
    default:
      return unknownEvent(event);
  }
}

function reserved(account: Mutable<Account>, data: CreditsReserved['data']): void {
  const amount = nanoFromText(data.amount);
  for (const hold of data.holds) changeLot(account, hold.lotId, { held: BigInt(hold.amount) });
  changeKey(account, data.keyId, (key) => usedKey(key, key.spent, key.windowStart, plus(key.held, amount)));
  mutable(account.reservations).set(data.reservationId, {
    generationId: data.generationId,
    keyId: data.keyId,
    asked: amount,
    amount,
    holds: data.holds,
    settleBy: instantFromText(data.settleBy),
  });
}

function extended(account: Mutable<Account>, data: ReservationExtended['data']): void {
  const reservation = account.reservations.get(data.reservationId);
  if (!reservation) throw new Error(`reservation ${data.reservationId} was extended without being open`);
  const amount = nanoFromText(data.amount);
  for (const hold of data.holds) changeLot(account, hold.lotId, { held: BigInt(hold.amount) });
  if (amount > 0n) changeKey(account, reservation.keyId, (key) => ({ ...key, held: plus(key.held, amount) }));
  mutable(account.reservations).set(data.reservationId, {
    ...reservation,
    amount: plus(reservation.amount, amount),
    holds: [...reservation.holds, ...data.holds],
    settleBy: instantFromText(data.settleBy),
  });
}

function settled(account: Mutable<Account>, data: ReservationSettled['data'], at: Instant): void {
  const cost = nanoFromText(data.cost.rounded);
  const shortfall = nanoFromText(data.shortfall);
  const reservation = close(account, data.reservationId, { as: 'settled', cost, shortfall });
  for (const debit of data.debits) changeLot(account, debit.lotId, { remaining: -BigInt(debit.amount) });
  account.receivable = plus(account.receivable, shortfall);
  changeKey(account, reservation.keyId, (key) => charged(key, cost, minus(key.held, reservation.amount), at));
}

function settledLate(account: Mutable<Account>, data: LateSettlementRecorded['data'], at: Instant): void {
  const cost = nanoFromText(data.cost.rounded);
  const shortfall = nanoFromText(data.shortfall);
  remember(account, data.reservationId, { as: 'settled', cost, shortfall });
  for (const debit of data.debits) changeLot(account, debit.lotId, { remaining: -BigInt(debit.amount) });
  account.receivable = plus(account.receivable, shortfall);
  changeKey(account, data.keyId, (key) => charged(key, cost, key.held, at));
}

function released(account: Mutable<Account>, data: ReservationReleased['data']): void {
  const { reason, generationId, keyId } = data;
  const reservation = close(account, data.reservationId, { as: 'released', reason, generationId, keyId });
  changeKey(account, reservation.keyId, (key) => usedKey(key, key.spent, key.windowStart, minus(key.held, reservation.amount)));
}

/** Ends a reservation: what it held is held no longer. */
function close(account: Mutable<Account>, reservationId: ReservationId, outcome: ClosedReservation): Reservation {
  const reservation = account.reservations.get(reservationId);
  if (!reservation) throw new Error(`reservation ${reservationId} ended without being open`);
  for (const hold of reservation.holds) changeLot(account, hold.lotId, { held: -BigInt(hold.amount) });
  mutable(account.reservations).delete(reservationId);
  remember(account, reservationId, outcome);
  return reservation;
}

function remember(account: Mutable<Account>, reservationId: ReservationId, outcome: ClosedReservation): void {
  if (account.closed.recent.size >= CLOSED_MIN) account.closed = { recent: new Map(), older: account.closed.recent };
  mutable(account.closed.recent).set(reservationId, outcome);
}

function frozen(account: Mutable<Account>, data: LotsFrozen['data']): void {
  const { disputeId, paymentId } = data;
  const lotId = grantOfPayment(account, paymentId)?.lotId;
  if (lotId === undefined) throw new Error(`dispute ${disputeId} names payment ${paymentId}, which granted nothing`);
  let total = account.disputes.get(disputeId)?.frozen ?? ZERO;
  for (const part of data.lots) {
    changeLot(account, part.lotId, { frozen: BigInt(part.amount) });
    total = plus(total, nanoFromText(part.amount));
  }
  mutable(account.disputes).set(disputeId, {
    paymentId,
    lotId,
    claimed: nanoFromText(data.claimed),
    frozen: total,
    status: 'open',
  });
}

function endDispute(account: Account, disputeId: string, status: 'won' | 'lost'): void {
  const dispute = account.disputes.get(disputeId);
  if (dispute?.status !== 'open') throw new Error(`dispute ${disputeId} ended without being open`);
  mutable(account.disputes).set(disputeId, { ...dispute, frozen: ZERO, status });
}

/** Adds to what remains of a lot, to what is held and to what is frozen of it. The order of the lots depends on none of them. */
function changeLot(account: Account, lotId: LotId, change: { remaining?: bigint; held?: bigint; frozen?: bigint }): void {
  const lot = account.lots.get(lotId);
  if (!lot) throw new Error(`an event names lot ${lotId}, of which nothing remains`);
  const remaining = change.remaining === undefined ? lot.remaining : nano(lot.remaining + change.remaining);
  const held = change.held === undefined ? lot.held : nano(lot.held + change.held);
  const frozen = change.frozen === undefined ? lot.frozen : nano(lot.frozen + change.frozen);
  if (remaining === 0n && held === 0n) {
    mutable(account.lots).delete(lotId);
    return;
  }
  // Written out: spreading the lot would cost more than all the rest of a fold.
  const { priority, costBasis, effectiveAt, expiresAt } = lot;
  mutable(account.lots).set(lotId, { lotId, priority, costBasis, effectiveAt, expiresAt, remaining, held, frozen });
}

/** Gives credits to a lot, also to one that was used up. */
function giveTo(account: Mutable<Account>, lotId: LotId, amount: NanoCredits): void {
  if (account.lots.has(lotId)) {
    changeLot(account, lotId, { remaining: amount });
    return;
  }
  const grant = grantOfLot(account, lotId);
  if (!grant) throw new Error(`an event names lot ${lotId}, which was never granted`);
  openLot(account, grantedLot(grant, amount));
}

function openLot(account: Mutable<Account>, lot: Lot): void {
  account.lots = sortLots([...account.lots.values(), lot], account.burnDownOrder);
}

function changeKey(account: Account, keyId: KeyId, change: (key: ApiKey) => ApiKey): void {
  const key = account.keys.get(keyId);
  if (!key) throw new Error(`an event names key ${keyId}, which was never issued`);
  mutable(account.keys).set(keyId, change(key));
}

/** A key that a cost is charged to, in the limit window that holds `at`. */
const charged = (key: ApiKey, cost: NanoCredits, held: NanoCredits, at: Instant): ApiKey =>
  usedKey(
    key,
    plus(spentInWindow(key, at), cost),
    key.limitReset === undefined ? key.windowStart : windowStart(key.limitReset, at),
    held,
  );

/** Written out, as lots are: it happens with every reservation and every settlement. */
function usedKey(key: ApiKey, spent: NanoCredits, windowStart: Instant, held: NanoCredits): ApiKey {
  const { keyId, secretHash, kind, name, issuedAt, changedAt, limit, limitReset, expiresAt, disabled, revoked } = key;
  return {
    keyId,
    secretHash,
    kind,
    name,
    issuedAt,
    changedAt,
    limit,
    limitReset,
    expiresAt,
    disabled,
    revoked,
    spent,
    windowStart,
    held,
  };
}

const termsOfKey = (data: ApiKeyIssued['data'] | ApiKeyChanged['data']) => ({
  name: data.name,
  limit: data.limit === undefined ? undefined : nanoFromText(data.limit),
  limitReset: data.limitReset,
  expiresAt: data.expiresAt === undefined ? undefined : instantFromText(data.expiresAt),
});

const issuedKey = (data: ApiKeyIssued['data'], at: Instant): ApiKey => ({
  keyId: data.keyId,
  secretHash: data.secretHash,
  kind: data.kind ?? 'inference',
  issuedAt: at,
  changedAt: undefined,
  ...termsOfKey(data),
  disabled: false,
  revoked: false,
  spent: ZERO,
  windowStart: data.limitReset === undefined ? at : windowStart(data.limitReset, at),
  held: ZERO,
});

/** Another period for the limit begins to count anew: what was spent in the part of it that has passed is not known. */
const changedKey = (key: ApiKey, data: ApiKeyChanged['data'], at: Instant): ApiKey => ({
  ...key,
  ...termsOfKey(data),
  disabled: data.disabled ?? false,
  changedAt: at,
  ...(data.limitReset === key.limitReset
    ? {}
    : { spent: ZERO, windowStart: data.limitReset === undefined ? at : windowStart(data.limitReset, at) }),
});

const grantedLot = (data: CreditsGranted['data'], remaining: NanoCredits): Lot => ({
  lotId: data.lotId,
  priority: data.priority,
  costBasis: BigInt(data.costBasis),
  effectiveAt: instantFromText(data.effectiveAt),
  expiresAt: data.expiresAt === undefined ? undefined : instantFromText(data.expiresAt),
  remaining,
  held: ZERO,
  frozen: ZERO,
});

function unknownEvent(event: never): never {
  throw new Error(`unknown event of an account: ${JSON.stringify(event)}`);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
const mutable = <K, V>(map: ReadonlyMap<K, V>): Map<K, V> => map as Map<K, V>;
