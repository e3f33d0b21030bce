import { describe, expect, test } from '@jest/globals';
import { type BalanceTables, balances } from '../../projections/balances/balances.projection.js';
import type { Fact } from '../../projections/runtime/projection.js';
import { RowSet } from '../../projections/runtime/row-set.js';
import type { AccountEvent, LotAmount } from '../../src/accounts/domain/accounts.events.js';

const DAY_1 = '2026-03-01T10:00:00.000Z';
const DAY_2 = '2026-03-02T00:00:00.000Z';
const at = (text: string): number => Date.parse(text);

const opened: AccountEvent = {
  type: 'AccountOpened',
  data: { accountId: 'a1', username: 'ada', tier: 'premium', burnDownOrder: 'mcphub@1', overdraftPolicy: 'none' },
};
const issued = (limits: { limit?: string; limitReset?: 'daily' } = {}): AccountEvent => ({
  type: 'ApiKeyIssued',
  data: { keyId: 'k1', secretHash: 'h', name: 'first', ...limits },
});
const granted = (lotId: string, amount: string, expiresAt?: string): AccountEvent => ({
  type: 'CreditsGranted',
  data: {
    lotId,
    grantId: `grant of ${lotId}`,
    kind: 'top_up',
    amount,
    costBasis: '1000000000',
    currency: 'USD',
    priority: 10,
    effectiveAt: DAY_1,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  },
});
const reserved = (reservationId: string, holds: readonly LotAmount[]): AccountEvent => ({
  type: 'CreditsReserved',
  data: {
    reservationId,
    generationId: `gen-${reservationId}`,
    keyId: 'k1',
    amount: holds.reduce((sum, { amount }) => sum + BigInt(amount), 0n).toString(),
    holds,
    burnDownOrder: 'mcphub@1',
    quote: { model: 'm', priceVersion: 'p', promptTokensMax: 1, completionTokensMax: 1 },
    settleBy: '2026-03-03T00:00:00.000Z',
  },
});
const settled = (
  reservationId: string,
  debits: readonly LotAmount[],
  releases: readonly LotAmount[],
  shortfall = '0',
): AccountEvent => ({
  type: 'ReservationSettled',
  data: {
    reservationId,
    generationId: `gen-${reservationId}`,
    keyId: 'k1',
    model: 'm',
    cost: {
      exact: '0',
      rounded: debits.reduce((sum, { amount }) => sum + BigInt(amount), BigInt(shortfall)).toString(),
      lines: [],
    },
    usage: { classes: {}, source: 'provider' },
    priceVersion: 'p',
    formulaVersion: 'f',
    attempts: [],
    debits,
    releases,
    shortfall,
    outcome: 'completed',
  },
});
const released = (reservationId: string, releases: readonly LotAmount[]): AccountEvent => ({
  type: 'ReservationReleased',
  data: { reservationId, generationId: `gen-${reservationId}`, keyId: 'k1', releases, reason: 'provider_error' },
});

/** The rows after the events of account a1, each with its time; an event without one happens on the first day. */
function rowsAfter(...events: readonly (AccountEvent | [string, AccountEvent])[]) {
  const tables = {
    accounts: new RowSet<BalanceTables['accounts']>('accounts', balances.keys.accounts),
    lots: new RowSet<BalanceTables['lots']>('lots', balances.keys.lots),
    keys: new RowSet<BalanceTables['keys']>('keys', balances.keys.keys),
    reservations: new RowSet<BalanceTables['reservations']>('reservations', balances.keys.reservations),
  };
  events.forEach((entry, index) => {
    const [occurredAt, event] = 'type' in entry ? [DAY_1, entry] : entry;
    const fact: Fact = { stream: 'account-a1', position: BigInt(index), metadata: { occurredAt }, ...event };
    const touched = balances.rowsOf(fact);
    for (const key of touched.accounts) tables.accounts.name(key);
    for (const key of touched.lots) tables.lots.name(key);
    for (const key of touched.keys) tables.keys.name(key);
    for (const key of touched.reservations) tables.reservations.name(key);
    balances.fold(tables, fact);
  });
  return {
    accounts: tables.accounts.changes().upserts,
    lots: tables.lots.changes().upserts,
    keys: tables.keys.changes().upserts,
    reservations: tables.reservations.changes().upserts,
  };
}

const ACCOUNT = {
  accountId: 'a1',
  username: 'ada',
  tier: 'premium',
  totalEarned: 0n,
  totalSpent: 0n,
  totalExpired: 0n,
  receivable: 0n,
};
const lot = (lotId: string, granted: bigint, remaining: bigint, held = 0n, expiresAt: string | null = null) => ({
  accountId: 'a1',
  lotId,
  kind: 'top_up',
  granted,
  remaining,
  held,
  priority: 10,
  effectiveAt: at(DAY_1),
  expiresAt: expiresAt === null ? null : at(expiresAt),
});
const KEY = {
  accountId: 'a1',
  keyId: 'k1',
  limit: null,
  limitReset: null,
  held: 0n,
  spentInWindow: 0n,
  windowStart: at(DAY_1),
  expiresAt: null,
  revoked: false,
};

describe('balances', () => {
  test('an opened account with a key and a grant has what was granted', () => {
    expect(rowsAfter(opened, issued(), granted('A', '100', DAY_2))).toEqual({
      accounts: [{ ...ACCOUNT, totalEarned: 100n, position: 2n }],
      lots: [lot('A', 100n, 100n, 0n, DAY_2)],
      keys: [KEY],
      reservations: [],
    });
  });

  test('a reservation holds parts of its lots, and the whole of it counts against the key', () => {
    const holds = [
      { lotId: 'A', amount: '100' },
      { lotId: 'B', amount: '50' },
    ];
    expect(rowsAfter(opened, issued(), granted('A', '100'), granted('B', '200'), reserved('r1', holds))).toEqual({
      accounts: [{ ...ACCOUNT, totalEarned: 300n, position: 4n }],
      lots: [lot('A', 100n, 100n, 100n), lot('B', 200n, 200n, 50n)],
      keys: [{ ...KEY, held: 150n }],
      reservations: [{ accountId: 'a1', reservationId: 'r1', keyId: 'k1', amount: 150n, holds }],
    });
  });

  test('a settlement below the hold takes the cost and gives the rest back', () => {
    const history = rowsAfter(
      opened,
      issued(),
      granted('A', '100'),
      reserved('r1', [{ lotId: 'A', amount: '80' }]),
      settled('r1', [{ lotId: 'A', amount: '30' }], [{ lotId: 'A', amount: '50' }]),
    );
    expect(history).toEqual({
      accounts: [{ ...ACCOUNT, totalEarned: 100n, totalSpent: 30n, position: 4n }],
      lots: [lot('A', 100n, 70n)],
      keys: [{ ...KEY, spentInWindow: 30n }],
      reservations: [],
    });
  });

  test('G3: a cost beyond the hold and the lots is owed, and the next top-up repays it as spending', () => {
    const overdrawn = [
      opened,
      issued(),
      granted('A', '100'),
      reserved('r1', [{ lotId: 'A', amount: '80' }]),
      settled(
        'r1',
        [
          { lotId: 'A', amount: '80' },
          { lotId: 'A', amount: '20' },
        ],
        [],
        '30',
      ),
    ];
    expect(rowsAfter(...overdrawn)).toEqual({
      accounts: [{ ...ACCOUNT, totalEarned: 100n, totalSpent: 100n, receivable: 30n, position: 4n }],
      lots: [lot('A', 100n, 0n)],
      keys: [{ ...KEY, spentInWindow: 130n }],
      reservations: [],
    });
    expect(rowsAfter(...overdrawn, granted('B', '200'), { type: 'ShortfallRepaid', data: { lotId: 'B', amount: '30' } })).toEqual(
      {
        accounts: [{ ...ACCOUNT, totalEarned: 300n, totalSpent: 130n, position: 6n }],
        lots: [lot('A', 100n, 0n), lot('B', 200n, 170n)],
        keys: [{ ...KEY, spentInWindow: 130n }],
        reservations: [],
      },
    );
  });

  test('G2: what a settlement gives back to an expired lot expires', () => {
    const history = rowsAfter(
      opened,
      issued(),
      granted('A', '100', DAY_2),
      reserved('r1', [{ lotId: 'A', amount: '80' }]),
      [DAY_2, { type: 'CreditsExpired', data: { lotId: 'A', amount: '20' } }],
      [DAY_2, settled('r1', [{ lotId: 'A', amount: '50' }], [{ lotId: 'A', amount: '30' }])],
      [DAY_2, { type: 'CreditsExpired', data: { lotId: 'A', amount: '30' } }],
    );
    expect(history).toEqual({
      accounts: [{ ...ACCOUNT, totalEarned: 100n, totalSpent: 50n, totalExpired: 50n, position: 6n }],
      lots: [lot('A', 100n, 0n, 0n, DAY_2)],
      keys: [{ ...KEY, spentInWindow: 50n }],
      reservations: [],
    });
  });

  test('a release gives everything back', () => {
    const holds = [{ lotId: 'A', amount: '80' }];
    expect(rowsAfter(opened, issued(), granted('A', '100'), reserved('r1', holds), released('r1', holds))).toEqual({
      accounts: [{ ...ACCOUNT, totalEarned: 100n, position: 4n }],
      lots: [lot('A', 100n, 100n)],
      keys: [KEY],
      reservations: [],
    });
  });

  test("spending counts in the window of the settlement's own time", () => {
    const spend = (id: string): AccountEvent[] => [
      reserved(id, [{ lotId: 'A', amount: '10' }]),
      settled(id, [{ lotId: 'A', amount: '10' }], []),
    ];
    const [r1, s1] = spend('r1') as [AccountEvent, AccountEvent];
    const [r2, s2] = spend('r2') as [AccountEvent, AccountEvent];
    const first = [opened, issued({ limit: '25', limitReset: 'daily' }), granted('A', '100'), r1, s1];
    const key = { ...KEY, limit: 25n, limitReset: 'daily' };
    expect(rowsAfter(...first, r2, s2).keys).toEqual([{ ...key, spentInWindow: 20n, windowStart: at('2026-03-01T00:00:00Z') }]);
    expect(rowsAfter(...first, r2, [DAY_2, s2]).keys).toEqual([{ ...key, spentInWindow: 10n, windowStart: at(DAY_2) }]);
  });

  test('a revoked key stays, revoked', () => {
    expect(rowsAfter(opened, issued(), { type: 'ApiKeyRevoked', data: { keyId: 'k1' } }).keys).toEqual([
      { ...KEY, revoked: true },
    ]);
  });

  describe('refuses what cannot be', () => {
    test.each<[string, AccountEvent[], RegExp]>([
      [
        'an unknown event',
        [{ type: 'CreditsConjured', data: {} } as unknown as AccountEvent],
        /unknown event of an account: CreditsConjured/,
      ],
      ['an account opened twice', [opened, opened], /was opened before/],
      ['an event before the opening', [granted('A', '1')], /there is no row accounts \(a1\)/],
      [
        'a debit of more than remains',
        [opened, granted('A', '1'), { type: 'CreditsExpired', data: { lotId: 'A', amount: '2' } }],
        /never negative/,
      ],
      [
        'a hold of more than remains',
        [opened, issued(), granted('A', '1'), reserved('r1', [{ lotId: 'A', amount: '2' }])],
        /would hold 2 of 1/,
      ],
      [
        'the expiry of what is held',
        [
          opened,
          issued(),
          granted('A', '2'),
          reserved('r1', [{ lotId: 'A', amount: '1' }]),
          { type: 'CreditsExpired', data: { lotId: 'A', amount: '2' } },
        ],
        /would hold 1 of 0/,
      ],
      [
        'the end of a reservation that is not open',
        [opened, issued(), released('r1', [])],
        /there is no row reservations \(a1, r1\)/,
      ],
    ])('%s', (_what, events, message) => {
      expect(() => rowsAfter(...events)).toThrow(message);
    });
  });
});
