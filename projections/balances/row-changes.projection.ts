import type { AccountEvent, LotAmount } from '../../src/accounts/domain/accounts.events.js';
import { minus, type NanoCredits, nano, nanoFromText, plus, ZERO } from '../../src/kernel/credits.js';
import { type Instant, instantFromText, type LimitReset, windowStart } from '../../src/kernel/time.js';
import type { BalanceRows, KeySpending, LotBalance, OpenReservation } from './balance-tables.projection.js';

/** What single events do to the rows of lots, keys and open reservations. */
export type DataOf<Type extends AccountEvent['type']> = Extract<AccountEvent, { type: Type }>['data'];

/** Parts of what remains of a lot; any of them may be negative. */
interface LotChange {
  readonly remaining?: bigint;
  readonly held?: bigint;
  readonly frozen?: bigint;
}

/** Changes a lot. Throws where more would be set aside than remains, or less than nothing. */
export function changeLot(rows: BalanceRows, accountId: string, lotId: string, change: LotChange): void {
  const lot = rows.lots.get({ accountId, lotId });
  const remaining = nano(lot.remaining + (change.remaining ?? 0n));
  const held = nano(lot.held + (change.held ?? 0n));
  const frozen = nano(lot.frozen + (change.frozen ?? 0n));
  if (held + frozen > remaining) {
    throw new Error(`lot ${lotId} of account ${accountId} would hold ${held} and freeze ${frozen} of ${remaining}`);
  }
  rows.lots.put({ ...lot, remaining, held, frozen });
}

/** Changes each of the lots that parts are named of. @returns the sum of the parts */
export function changeLots(
  rows: BalanceRows,
  accountId: string,
  parts: readonly LotAmount[],
  changeBy: (part: bigint) => LotChange,
): bigint {
  let total = 0n;
  for (const { lotId, amount } of parts) {
    changeLot(rows, accountId, lotId, changeBy(BigInt(amount)));
    total += BigInt(amount);
  }
  return total;
}

export const grantedLot = (accountId: string, data: DataOf<'CreditsGranted'>): LotBalance => ({
  accountId,
  lotId: data.lotId,
  kind: data.kind,
  granted: nanoFromText(data.amount),
  remaining: nanoFromText(data.amount),
  held: ZERO,
  frozen: ZERO,
  priority: data.priority,
  costBasis: BigInt(data.costBasis),
  effectiveAt: instantFromText(data.effectiveAt),
  expiresAt: data.expiresAt === undefined ? null : instantFromText(data.expiresAt),
});

export const issuedKey = (accountId: string, data: DataOf<'ApiKeyIssued'>, at: Instant): KeySpending => ({
  accountId,
  keyId: data.keyId,
  ...termsOf(data),
  held: ZERO,
  spentInWindow: ZERO,
  windowStart: windowOf(data.limitReset, at),
  revoked: false,
});

/** New terms. Where the limit resets otherwise than before, counting begins anew; a new limit alone changes no count. */
export function changedKey(key: KeySpending, data: DataOf<'ApiKeyChanged'>, at: Instant): KeySpending {
  const changed = { ...key, ...termsOf(data) };
  if (changed.limitReset === key.limitReset) return changed;
  return { ...changed, spentInWindow: ZERO, windowStart: windowOf(data.limitReset, at) };
}

/** Counts a cost in the limit's window that holds `at`, whether or not credits covered it. */
export function spend(rows: BalanceRows, accountId: string, keyId: string, cost: NanoCredits, at: Instant): void {
  const key = rows.keys.get({ accountId, keyId });
  rows.keys.put({
    ...key,
    spentInWindow: plus(spentInWindow(key, at), cost),
    windowStart: key.limitReset === null ? key.windowStart : windowStart(key.limitReset, at),
  });
}

/** What a key has spent in the limit window that holds `at`: an older window counts nothing. */
export function spentInWindow(key: KeySpending, at: Instant): NanoCredits {
  return key.limitReset !== null && windowStart(key.limitReset, at) > key.windowStart ? ZERO : key.spentInWindow;
}

export function openReservation(rows: BalanceRows, accountId: string, data: DataOf<'CreditsReserved'>): void {
  const { reservationId, keyId, holds } = data;
  const amount = nanoFromText(data.amount);
  hold(rows, accountId, keyId, amount, holds);
  rows.reservations.put({ accountId, reservationId, keyId, amount, holds, settleBy: instantFromText(data.settleBy) });
}

export function extendReservation(rows: BalanceRows, accountId: string, data: DataOf<'ReservationExtended'>): void {
  const reservation = rows.reservations.get({ accountId, reservationId: data.reservationId });
  const amount = nanoFromText(data.amount);
  hold(rows, accountId, reservation.keyId, amount, data.holds);
  rows.reservations.put({
    ...reservation,
    amount: plus(reservation.amount, amount),
    holds: [...reservation.holds, ...data.holds],
    settleBy: instantFromText(data.settleBy),
  });
}

/** Ends a reservation: what it held is held no longer, of the lots and of the key. */
export function closeReservation(rows: BalanceRows, accountId: string, reservationId: string): OpenReservation {
  const reservation = rows.reservations.get({ accountId, reservationId });
  changeLots(rows, accountId, reservation.holds, (part) => ({ held: -part }));
  const key = rows.keys.get({ accountId, keyId: reservation.keyId });
  rows.keys.put({ ...key, held: minus(key.held, reservation.amount) });
  rows.reservations.delete({ accountId, reservationId });
  return reservation;
}

function hold(rows: BalanceRows, accountId: string, keyId: string, amount: NanoCredits, holds: readonly LotAmount[]): void {
  changeLots(rows, accountId, holds, (part) => ({ held: part }));
  const key = rows.keys.get({ accountId, keyId });
  rows.keys.put({ ...key, held: plus(key.held, amount) });
}

const termsOf = ({ limit, limitReset, expiresAt }: DataOf<'ApiKeyChanged'> | DataOf<'ApiKeyIssued'>) => ({
  limit: limit === undefined ? null : nanoFromText(limit),
  limitReset: limitReset ?? null,
  expiresAt: expiresAt === undefined ? null : instantFromText(expiresAt),
});

/** Since when a key's spending counts: from now on where the limit never resets. */
const windowOf = (limitReset: LimitReset | undefined, at: Instant): Instant =>
  limitReset === undefined ? at : windowStart(limitReset, at);
