import type { AccountEvent, LotAmount } from '../../src/accounts/domain/accounts.events.js';
import { minus, nano, nanoFromText, plus, ZERO } from '../../src/kernel/credits.js';
import { type Instant, instantFromText } from '../../src/kernel/time.js';
import { ACCOUNT_PREFIX, accountOf, unknownEvent } from '../runtime/account-facts.projection.js';
import type { Fact, Projection } from '../runtime/projection.js';
import type { AccountBalance, BalanceRows, BalanceTables } from './balance-tables.projection.js';
import {
  changedKey,
  changeLots,
  closeReservation,
  type DataOf,
  extendReservation,
  grantedLot,
  issuedKey,
  openReservation,
  spend,
} from './row-changes.projection.js';

/**
 * What has this account, and what may this key spend? For every account, to the nano-credit, over all of its lots:
 * total_earned = Σ remaining + total_spent + total_expired + total_clawed_back + total_cash_refunded,
 * where Σ remaining = Σ (remaining − held − frozen) + Σ held + Σ frozen.
 */
export const balances: Projection<BalanceTables> = {
  name: 'balances',
  version: 3,
  streamPrefixes: [ACCOUNT_PREFIX],
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
    const { position, revision, metadata } = fact;
    rows.accounts.put({ ...account, position, revision, lastEventAt: instantFromText(metadata.occurredAt) });
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
    case 'TierChanged':
      return NOTHING;
    case 'ApiKeyIssued':
    case 'ApiKeyChanged':
    case 'ApiKeyRevoked':
      return { ...NOTHING, keys: [event.data.keyId] };
    case 'CreditsGranted':
    case 'CreditsExpired':
    case 'ShortfallRepaid':
    case 'TopUpRefunded':
      return { ...NOTHING, lots: [event.data.lotId] };
    case 'CreditsReserved':
    case 'ReservationExtended':
      return { lots: event.data.holds.map(lotOf), keys: [event.data.keyId], reservations: [event.data.reservationId] };
    case 'ReservationSettled':
      return {
        lots: [...event.data.debits, ...event.data.releases].map(lotOf),
        keys: [event.data.keyId],
        reservations: [event.data.reservationId],
      };
    case 'ReservationReleased':
      return { lots: event.data.releases.map(lotOf), keys: [event.data.keyId], reservations: [event.data.reservationId] };
    case 'LateSettlementRecorded':
      return { ...NOTHING, lots: event.data.debits.map(lotOf), keys: [event.data.keyId] };
    case 'GenerationRefunded':
      return { ...NOTHING, lots: event.data.credits.map(lotOf) };
    case 'LotsFrozen':
    case 'LotsUnfrozen':
    case 'CreditsClawedBack':
      return { ...NOTHING, lots: event.data.lots.map(lotOf) };
    case 'CreditsAdjusted':
      return { ...NOTHING, lots: event.data.lines.map(lotOf) };
  }
  return unknownEvent(event);
}

/** Folds an event into the rows of its account. @returns the account's own row, not yet put */
function evolve(rows: BalanceRows, event: Fact & AccountEvent, accountId: string): AccountBalance {
  const at = instantFromText(event.metadata.occurredAt);
  if (event.type === 'AccountOpened') return openedAccount(rows, event.data, accountId, event);
  const account = rows.accounts.get({ accountId });
  switch (event.type) {
    case 'TierChanged':
      return { ...account, tier: event.data.to };
    case 'ApiKeyIssued':
      rows.keys.put(issuedKey(accountId, event.data, at));
      return account;
    case 'ApiKeyChanged':
      rows.keys.put(changedKey(rows.keys.get({ accountId, keyId: event.data.keyId }), event.data, at));
      return account;
    case 'ApiKeyRevoked':
      rows.keys.put({ ...rows.keys.get({ accountId, keyId: event.data.keyId }), revoked: true });
      return account;
    case 'CreditsGranted':
      rows.lots.put(grantedLot(accountId, event.data));
      return { ...account, totalEarned: plus(account.totalEarned, nanoFromText(event.data.amount)) };
    case 'CreditsReserved':
      openReservation(rows, accountId, event.data);
      return account;
    case 'ReservationExtended':
      extendReservation(rows, accountId, event.data);
      return account;
    case 'ReservationSettled':
      closeReservation(rows, accountId, event.data.reservationId);
      return charged(rows, account, event.data, at);
    case 'ReservationReleased':
      closeReservation(rows, accountId, event.data.reservationId);
      return account;
    case 'LateSettlementRecorded':
      return charged(rows, account, event.data, at);
    case 'CreditsExpired': {
      const expired = takeFrom(rows, accountId, [event.data]);
      return { ...account, totalExpired: nano(account.totalExpired + expired) };
    }
    case 'ShortfallRepaid': {
      const repaid = nano(takeFrom(rows, accountId, [event.data]));
      return { ...account, totalSpent: plus(account.totalSpent, repaid), receivable: minus(account.receivable, repaid) };
    }
    case 'GenerationRefunded':
      return refunded(rows, account, event.data);
    case 'TopUpRefunded': {
      const removed = takeFrom(rows, accountId, [event.data]);
      return { ...account, totalCashRefunded: nano(account.totalCashRefunded + removed) };
    }
    case 'LotsFrozen':
      changeLots(rows, accountId, event.data.lots, (part) => ({ frozen: part }));
      return account;
    case 'LotsUnfrozen':
      changeLots(rows, accountId, event.data.lots, (part) => ({ frozen: -part }));
      return account;
    case 'CreditsClawedBack': {
      const removed = changeLots(rows, accountId, event.data.lots, (part) => ({ frozen: -part, remaining: -part }));
      return {
        ...account,
        totalClawedBack: nano(account.totalClawedBack + removed),
        receivable: plus(account.receivable, nanoFromText(event.data.receivable)),
      };
    }
    case 'CreditsAdjusted': {
      const by = changeLots(rows, accountId, event.data.lines, (part) => ({ remaining: part }));
      return { ...account, totalEarned: nano(account.totalEarned + by), totalAdjusted: account.totalAdjusted + by };
    }
  }
  return unknownEvent(event);
}

function openedAccount(
  rows: BalanceRows,
  { username, tier }: DataOf<'AccountOpened'>,
  accountId: string,
  { position, revision, metadata }: Fact,
): AccountBalance {
  if (rows.accounts.find({ accountId })) throw new Error(`account ${accountId} was opened before`);
  return {
    accountId,
    username,
    tier,
    totalEarned: ZERO,
    totalAdjusted: 0n,
    totalSpent: ZERO,
    totalExpired: ZERO,
    totalClawedBack: ZERO,
    totalCashRefunded: ZERO,
    receivable: ZERO,
    position,
    revision,
    lastEventAt: instantFromText(metadata.occurredAt),
  };
}

/** Lots pay a cost, what they do not is owed, and all of it counts against the key. */
function charged(
  rows: BalanceRows,
  account: AccountBalance,
  { keyId, cost, debits, shortfall }: DataOf<'LateSettlementRecorded'>,
  at: Instant,
): AccountBalance {
  const { accountId } = account;
  const paid = takeFrom(rows, accountId, debits);
  spend(rows, accountId, keyId, nanoFromText(cost.rounded), at);
  return {
    ...account,
    totalSpent: nano(account.totalSpent + paid),
    receivable: plus(account.receivable, nanoFromText(shortfall)),
  };
}

/**
 * What goes back to lots was not spent after all, and what is waived is no longer owed. What is granted anew in place of expired
 * lots stays spent there: the grant that follows counts it as earned.
 */
function refunded(rows: BalanceRows, account: AccountBalance, data: DataOf<'GenerationRefunded'>): AccountBalance {
  const back = changeLots(rows, account.accountId, data.credits, (part) => ({ remaining: part }));
  return {
    ...account,
    totalSpent: nano(account.totalSpent - back),
    receivable: minus(account.receivable, nanoFromText(data.waived)),
  };
}

const takeFrom = (rows: BalanceRows, accountId: string, parts: readonly LotAmount[]): bigint =>
  changeLots(rows, accountId, parts, (part) => ({ remaining: -part }));

const lotOf = ({ lotId }: { readonly lotId: string }): string => lotId;
