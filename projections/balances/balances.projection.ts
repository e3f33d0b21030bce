import type { AccountEvent, LotAmount, ReservationSettled } from '../../src/accounts/domain/accounts.events.js';
import { minus, type NanoCredits, nano, nanoFromText, plus, ZERO } from '../../src/kernel/credits.js';
import { type Instant, instantFromText, type LimitReset, windowStart } from '../../src/kernel/time.js';
import type { Fact, Projection, RowsOf } from '../runtime/projection.js';

/**
 * What has this account, and what may this key spend? For every account, to the nano-credit:
 * total_earned = Σ (remaining − held) + Σ held + total_spent + total_expired, over all of its lots.
 */
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
  /** Everything ever granted: top-ups and grants. */
  readonly totalEarned: NanoCredits;
  /** Everything that lots have paid: debits, and shortfalls when they are repaid. */
  readonly totalSpent: NanoCredits;
  readonly totalExpired: NanoCredits;
  /** Cost that no lot has paid yet. While it stands nothing is available. */
  readonly receivable: NanoCredits;
  /** Of the account's last event folded. */
  readonly position: bigint;
}

export interface LotBalance {
  readonly accountId: string;
  readonly lotId: string;
  readonly kind: string;
  readonly granted: NanoCredits;
  readonly remaining: NanoCredits;
  /** The part of `remaining` that open reservations have set aside. */
  readonly held: NanoCredits;
  readonly priority: number;
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
  /** Cost of what was settled since `windowStart`, whether or not credits covered it. */
  readonly spentInWindow: NanoCredits;
  /** Start of the limit's window of the last settlement; when the key was issued where the limit never resets. */
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
}

type BalanceRows = RowsOf<BalanceTables>;

const STREAM_PREFIX = 'account-';

export const balances: Projection<BalanceTables> = {
  name: 'balances',
  version: 1,
  streamPrefixes: [STREAM_PREFIX],
  keys: {
    accounts: ['accountId'],
    lots: ['accountId', 'lotId'],
    keys: ['accountId', 'keyId'],
    reservations: ['accountId', 'reservationId'],
  },

  rowsOf(fact) {
    const accountId = accountOf(fact);
    const touched = touchedBy(fact as Fact & AccountEvent);
    return {
      accounts: [{ accountId }],
      lots: touched.lots.map((lotId) => ({ accountId, lotId })),
      keys: touched.keys.map((keyId) => ({ accountId, keyId })),
      reservations: touched.reservations.map((reservationId) => ({ accountId, reservationId })),
    };
  },

  fold(rows, fact) {
    const account = evolve(rows, fact as Fact & AccountEvent, accountOf(fact));
    rows.accounts.put({ ...account, position: fact.position });
  },
};

interface Touched {
  readonly lots: readonly string[];
  readonly keys: readonly string[];
  readonly reservations: readonly string[];
}

const NOTHING: Touched = { lots: [], keys: [], reservations: [] };

function touchedBy(event: AccountEvent): Touched {
  switch (event.type) {
    case 'AccountOpened':
      return NOTHING;
    case 'ApiKeyIssued':
    case 'ApiKeyRevoked':
      return { ...NOTHING, keys: [event.data.keyId] };
    case 'CreditsGranted':
    case 'CreditsExpired':
    case 'ShortfallRepaid':
      return { ...NOTHING, lots: [event.data.lotId] };
    case 'CreditsReserved':
      return { lots: event.data.holds.map(lotOf), keys: [event.data.keyId], reservations: [event.data.reservationId] };
    case 'ReservationSettled':
      return {
        lots: [...event.data.debits, ...event.data.releases].map(lotOf),
        keys: [event.data.keyId],
        reservations: [event.data.reservationId],
      };
    case 'ReservationReleased':
      return { lots: event.data.releases.map(lotOf), keys: [event.data.keyId], reservations: [event.data.reservationId] };
  }
  return unknownEvent(event);
}

/** Folds an event into the rows of its account. @returns the account's own row, not yet put */
function evolve(rows: BalanceRows, event: Fact & AccountEvent, accountId: string): AccountBalance {
  const at = instantFromText(event.metadata.occurredAt);
  if (event.type === 'AccountOpened') return openedAccount(rows, event, accountId);
  const account = rows.accounts.get({ accountId });
  switch (event.type) {
    case 'ApiKeyIssued':
      rows.keys.put(issuedKey(accountId, event.data, at));
      return account;
    case 'ApiKeyRevoked':
      rows.keys.put({ ...rows.keys.get({ accountId, keyId: event.data.keyId }), revoked: true });
      return account;
    case 'CreditsGranted':
      rows.lots.put(grantedLot(accountId, event.data));
      return { ...account, totalEarned: plus(account.totalEarned, nanoFromText(event.data.amount)) };
    case 'CreditsReserved':
      reserved(rows, accountId, event.data);
      return account;
    case 'ReservationSettled':
      return settled(rows, account, event.data, at);
    case 'ReservationReleased':
      close(rows, accountId, event.data.reservationId);
      return account;
    case 'CreditsExpired':
      takeFromLot(rows, accountId, event.data);
      return { ...account, totalExpired: plus(account.totalExpired, nanoFromText(event.data.amount)) };
    case 'ShortfallRepaid':
      takeFromLot(rows, accountId, event.data);
      return {
        ...account,
        totalSpent: plus(account.totalSpent, nanoFromText(event.data.amount)),
        receivable: minus(account.receivable, nanoFromText(event.data.amount)),
      };
  }
  return unknownEvent(event);
}

function openedAccount(rows: BalanceRows, event: Fact & DataOf<'AccountOpened'>, accountId: string): AccountBalance {
  if (rows.accounts.find({ accountId })) throw new Error(`account ${accountId} was opened before`);
  const { username, tier } = event.data;
  return {
    accountId,
    username,
    tier,
    totalEarned: ZERO,
    totalSpent: ZERO,
    totalExpired: ZERO,
    receivable: ZERO,
    position: event.position,
  };
}

const issuedKey = (accountId: string, data: DataOf<'ApiKeyIssued'>['data'], at: Instant): KeySpending => ({
  accountId,
  keyId: data.keyId,
  limit: data.limit === undefined ? null : nanoFromText(data.limit),
  limitReset: data.limitReset ?? null,
  held: ZERO,
  spentInWindow: ZERO,
  windowStart: data.limitReset === undefined ? at : windowStart(data.limitReset, at),
  expiresAt: data.expiresAt === undefined ? null : instantFromText(data.expiresAt),
  revoked: false,
});

const grantedLot = (accountId: string, data: DataOf<'CreditsGranted'>['data']): LotBalance => ({
  accountId,
  lotId: data.lotId,
  kind: data.kind,
  granted: nanoFromText(data.amount),
  remaining: nanoFromText(data.amount),
  held: ZERO,
  priority: data.priority,
  effectiveAt: instantFromText(data.effectiveAt),
  expiresAt: data.expiresAt === undefined ? null : instantFromText(data.expiresAt),
});

function reserved(rows: BalanceRows, accountId: string, data: DataOf<'CreditsReserved'>['data']): void {
  const { reservationId, keyId, holds } = data;
  const amount = nanoFromText(data.amount);
  for (const hold of holds) changeLot(rows, accountId, hold.lotId, { held: BigInt(hold.amount) });
  const key = rows.keys.get({ accountId, keyId });
  rows.keys.put({ ...key, held: plus(key.held, amount) });
  rows.reservations.put({ accountId, reservationId, keyId, amount, holds });
}

function settled(rows: BalanceRows, account: AccountBalance, data: ReservationSettled['data'], at: Instant): AccountBalance {
  const { accountId } = account;
  const { keyId } = close(rows, accountId, data.reservationId);
  for (const debit of data.debits) takeFromLot(rows, accountId, debit);
  const key = rows.keys.get({ accountId, keyId });
  rows.keys.put({
    ...key,
    spentInWindow: plus(spentInWindow(key, at), nanoFromText(data.cost.rounded)),
    windowStart: key.limitReset === null ? key.windowStart : windowStart(key.limitReset, at),
  });
  return {
    ...account,
    totalSpent: data.debits.reduce((total, { amount }) => plus(total, nanoFromText(amount)), account.totalSpent),
    receivable: plus(account.receivable, nanoFromText(data.shortfall)),
  };
}

/** Ends a reservation: what it held is held no longer, of the lots and of the key. */
function close(rows: BalanceRows, accountId: string, reservationId: string): OpenReservation {
  const reservation = rows.reservations.get({ accountId, reservationId });
  for (const hold of reservation.holds) changeLot(rows, accountId, hold.lotId, { held: -BigInt(hold.amount) });
  const key = rows.keys.get({ accountId, keyId: reservation.keyId });
  rows.keys.put({ ...key, held: minus(key.held, reservation.amount) });
  rows.reservations.delete({ accountId, reservationId });
  return reservation;
}

/** What a key has spent in the limit window that holds `at`: an older window counts nothing. */
export function spentInWindow(key: KeySpending, at: Instant): NanoCredits {
  return key.limitReset !== null && windowStart(key.limitReset, at) > key.windowStart ? ZERO : key.spentInWindow;
}

const takeFromLot = (rows: BalanceRows, accountId: string, { lotId, amount }: LotAmount): void =>
  changeLot(rows, accountId, lotId, { remaining: -BigInt(amount) });

/** Changes a lot. Throws where more would be held than remains, or less than nothing. */
function changeLot(rows: BalanceRows, accountId: string, lotId: string, change: { remaining?: bigint; held?: bigint }): void {
  const lot = rows.lots.get({ accountId, lotId });
  const remaining = nano(lot.remaining + (change.remaining ?? 0n));
  const held = nano(lot.held + (change.held ?? 0n));
  if (held > remaining) throw new Error(`lot ${lotId} of account ${accountId} would hold ${held} of ${remaining}`);
  rows.lots.put({ ...lot, remaining, held });
}

function accountOf({ stream }: Fact): string {
  if (!stream.startsWith(STREAM_PREFIX)) throw new Error(`stream ${stream} is no account's`);
  return stream.slice(STREAM_PREFIX.length);
}

function unknownEvent(event: never): never {
  throw new Error(`unknown event of an account: ${(event as { type: string }).type}`);
}

const lotOf = ({ lotId }: LotAmount): string => lotId;
type DataOf<Type extends AccountEvent['type']> = Extract<AccountEvent, { type: Type }>;
