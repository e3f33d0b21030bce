import { describe, expect, test } from '@jest/globals';
import type { BalanceTables } from '../../projections/balances/balance-tables.projection.js';
import { balances } from '../../projections/balances/balances.projection.js';
import type { Fact } from '../../projections/runtime/projection.js';
import { RowSet } from '../../projections/runtime/row-set.js';
import type { AccountEvent, LotAmount } from '../../src/accounts/domain/accounts.events.js';

type KeyTerms = { limit?: string; limitReset?: 'daily' | 'monthly'; expiresAt?: string };

const DAY_1 = '2026-03-01T10:00:00.000Z';
const DAY_2 = '2026-03-02T00:00:00.000Z';
const DAY_3 = '2026-03-03T00:00:00.000Z';
const at = (text: string): number => Date.parse(text);

const opened: AccountEvent = {
  type: 'AccountOpened',
  data: { accountId: 'a1', username: 'ada', tier: 'premium', burnDownOrder: 'mcphub@1', overdraftPolicy: 'none' },
};
const issued = (limits: KeyTerms = {}): AccountEvent => ({
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
    settleBy: DAY_3,
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

const extension = (reservationId: string, holds: readonly LotAmount[], settleBy: string): AccountEvent => ({
  type: 'ReservationExtended',
  data: {
    reservationId,
    generationId: `gen-${reservationId}`,
    keyId: 'k1',
    amount: holds.reduce((sum, { amount }) => sum + BigInt(amount), 0n).toString(),
    holds,
    settleBy,
  },
});
const parts = (amounts: Record<string, number>): LotAmount[] =>
  Object.entries(amounts).map(([lotId, amount]) => ({ lotId, amount: `${amount}` }));

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
    const fact: Fact = {
      stream: 'account-a1',
      revision: BigInt(index),
      position: BigInt(index),
      metadata: { occurredAt },
      ...event,
    };
    const touched = balances.rowsOf(fact);
    for (const key of touched.accounts) tables.accounts.name(key);
    for (const key of touched.lots) tables.lots.name(key);
    for (const key of touched.keys) tables.keys.name(key);
    for (const key of touched.reservations) tables.reservations.name(key);
    balances.fold(tables, fact);
  });
  return {
    // The place of the last event in the stream is that in `$all` here, and its time is a test of its own.
    accounts: putRows(tables.accounts).map(({ revision: _, lastEventAt: __, ...row }) => row),
    lots: putRows(tables.lots),
    keys: putRows(tables.keys),
    reservations: putRows(tables.reservations),
  };
}

function putRows<Row extends object>(rows: RowSet<Row>): Row[] {
  const { inserts, updates } = rows.changes();
  return [...inserts, ...updates];
}

const ACCOUNT = {
  accountId: 'a1',
  username: 'ada',
  tier: 'premium',
  totalEarned: 0n,
  totalAdjusted: 0n,
  totalSpent: 0n,
  totalExpired: 0n,
  totalClawedBack: 0n,
  totalCashRefunded: 0n,
  receivable: 0n,
};
const lot = (lotId: string, granted: bigint, remaining: bigint, held = 0n, expiresAt: string | null = null) => ({
  accountId: 'a1',
  lotId,
  kind: 'top_up',
  granted,
  remaining,
  held,
  frozen: 0n,
  priority: 10,
  costBasis: 1_000_000_000n,
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
      reservations: [{ accountId: 'a1', reservationId: 'r1', keyId: 'k1', amount: 150n, holds, settleBy: at(DAY_3) }],
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

  test('a changed tier is the tier', () => {
    expect(rowsAfter(opened, { type: 'TierChanged', data: { from: 'premium', to: 'internal' } }).accounts).toEqual([
      { ...ACCOUNT, tier: 'internal', position: 1n },
    ]);
  });

  test('an extension holds more, and moves the time by which the reservation is to end', () => {
    const extended = extension('r1', [{ lotId: 'B', amount: '20' }], DAY_3);
    const history = [opened, issued(), granted('A', '100'), granted('B', '50'), reserved('r1', parts({ A: 100 })), extended];
    expect(rowsAfter(...history)).toEqual({
      accounts: [{ ...ACCOUNT, totalEarned: 150n, position: 5n }],
      lots: [lot('A', 100n, 100n, 100n), lot('B', 50n, 50n, 20n)],
      keys: [{ ...KEY, held: 120n }],
      reservations: [
        {
          accountId: 'a1',
          reservationId: 'r1',
          keyId: 'k1',
          amount: 120n,
          holds: parts({ A: 100, B: 20 }),
          settleBy: at(DAY_3),
        },
      ],
    });
    const [onlyLonger] = rowsAfter(...history, extension('r1', [], '2026-03-04T00:00:00.000Z')).reservations;
    expect([onlyLonger?.amount, onlyLonger?.settleBy]).toEqual([120n, at('2026-03-04T00:00:00.000Z')]);
    expect(rowsAfter(...history, released('r1', parts({ A: 100, B: 20 })))).toMatchObject({
      lots: [lot('A', 100n, 100n), lot('B', 50n, 50n)],
      keys: [KEY],
      reservations: [],
    });
  });

  test('a late settlement charges what is free, though nothing was held for it any more', () => {
    const late: AccountEvent = {
      type: 'LateSettlementRecorded',
      data: (settled('r1', parts({ A: 70, B: 10 }), [], '5') as Extract<AccountEvent, { type: 'ReservationSettled' }>).data,
    };
    const held = parts({ A: 80 });
    expect(
      rowsAfter(opened, issued(), granted('A', '100'), granted('B', '10'), reserved('r1', held), released('r1', held), late),
    ).toEqual({
      accounts: [{ ...ACCOUNT, totalEarned: 110n, totalSpent: 80n, receivable: 5n, position: 6n }],
      lots: [lot('A', 100n, 30n), lot('B', 10n, 0n)],
      keys: [{ ...KEY, spentInWindow: 85n }],
      reservations: [],
    });
  });

  describe('a changed key', () => {
    const spent = [reserved('r1', parts({ A: 10 })), settled('r1', parts({ A: 10 }), [])];
    const before = [opened, issued({ limit: '25', limitReset: 'daily' }), granted('A', '100'), ...spent];
    const changed = (terms: KeyTerms): AccountEvent => ({ type: 'ApiKeyChanged', data: { keyId: 'k1', name: 'n', ...terms } });
    test.each<[string, KeyTerms, object]>([
      [
        'keeps its count under another limit',
        { limit: '5', limitReset: 'daily', expiresAt: DAY_3 },
        { limit: 5n, limitReset: 'daily', expiresAt: at(DAY_3), spentInWindow: 10n, windowStart: at('2026-03-01T00:00:00Z') },
      ],
      [
        'begins to count anew where it resets otherwise',
        { limit: '5', limitReset: 'monthly' },
        { limit: 5n, limitReset: 'monthly', spentInWindow: 0n, windowStart: at('2026-03-01T00:00:00Z') },
      ],
      ['begins to count at its change where it no longer resets', { limit: '5' }, { limit: 5n, windowStart: at(DAY_2) }],
    ])('%s', (_rule, terms, expected) => {
      expect(rowsAfter(...before, [DAY_2, changed(terms)]).keys).toEqual([{ ...KEY, ...expected }]);
    });
  });

  test('a refund goes back to the lots that paid, also to one that was used up, and is not spending of the key', () => {
    const history = rowsAfter(
      opened,
      issued(),
      granted('A', '100'),
      reserved('r1', parts({ A: 100 })),
      settled('r1', parts({ A: 100 }), [], '30'),
      {
        type: 'GenerationRefunded',
        data: {
          refundId: 'f1',
          generationId: 'gen-r1',
          amount: '75',
          credits: parts({ A: 40 }),
          waived: '30',
          regranted: '5',
          reason: 'asked for',
          intoExpired: 'goodwill',
        },
      },
      granted('B', '5'),
    );
    expect(history).toEqual({
      accounts: [{ ...ACCOUNT, totalEarned: 105n, totalSpent: 60n, position: 6n }],
      lots: [lot('A', 100n, 40n), lot('B', 5n, 5n)],
      keys: [{ ...KEY, spentInWindow: 130n }],
      reservations: [],
    });
  });

  describe('G6: 1000 paid, 400 used, 100 refunded in cash, 500 disputed', () => {
    const cash: AccountEvent = {
      type: 'TopUpRefunded',
      data: { refundId: 'f1', paymentId: 'p1', lotId: 'A', amount: '100', cash: '100', currency: 'USD' },
    };
    const frozen = (amount: number): AccountEvent => ({
      type: 'LotsFrozen',
      data: { disputeId: 'd1', paymentId: 'p1', claimed: '900', lots: parts({ A: amount }) },
    });
    const used = [opened, issued(), granted('A', '1000'), reserved('r1', parts({ A: 600 })), cash, frozen(300)];
    const disputed = [...used, settled('r1', parts({ A: 400 }), parts({ A: 200 })), frozen(200)];
    const account = { ...ACCOUNT, totalEarned: 1000n, totalSpent: 400n, totalCashRefunded: 100n };

    test('open: what is free is frozen, and what comes back too', () => {
      expect(rowsAfter(...used).lots).toEqual([{ ...lot('A', 1000n, 900n, 600n), frozen: 300n }]);
      const { accounts, lots } = rowsAfter(...disputed);
      expect([accounts, lots]).toEqual([[{ ...account, position: 7n }], [{ ...lot('A', 1000n, 500n), frozen: 500n }]]);
    });

    test('lost: what was frozen is gone, what was used is owed', () => {
      const lost: AccountEvent = {
        type: 'CreditsClawedBack',
        data: { disputeId: 'd1', lots: parts({ A: 500 }), receivable: '400' },
      };
      const { accounts, lots } = rowsAfter(...disputed, lost);
      expect(accounts).toEqual([{ ...account, totalClawedBack: 500n, receivable: 400n, position: 8n }]);
      expect(lots).toEqual([lot('A', 1000n, 0n)]);
    });

    test('won: it can be spent again', () => {
      const { accounts, lots } = rowsAfter(...disputed, {
        type: 'LotsUnfrozen',
        data: { disputeId: 'd1', lots: parts({ A: 500 }) },
      });
      expect([accounts, lots]).toEqual([[{ ...account, position: 8n }], [lot('A', 1000n, 500n)]]);
    });
  });

  test('an adjustment gives and takes, and is part of what was earned', () => {
    const adjusted: AccountEvent = {
      type: 'CreditsAdjusted',
      data: {
        adjustmentId: 'j1',
        lines: [
          { lotId: 'A', amount: '-70' },
          { lotId: 'B', amount: '20' },
        ],
        requestedBy: 'p1',
        approvedBy: 'p2',
        reason: 'r',
      },
    };
    expect(rowsAfter(opened, granted('A', '100'), granted('B', '10'), adjusted)).toMatchObject({
      accounts: [{ ...ACCOUNT, totalEarned: 60n, totalAdjusted: -50n, position: 3n }],
      lots: [lot('A', 100n, 30n), lot('B', 10n, 30n)],
    });
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
        /would hold 2 and freeze 0 of 1/,
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
        /would hold 1 and freeze 0 of 0/,
      ],
      [
        'to freeze what is held',
        [
          opened,
          issued(),
          granted('A', '2'),
          reserved('r1', parts({ A: 1 })),
          { type: 'LotsFrozen', data: { disputeId: 'd1', paymentId: 'p1', claimed: '2', lots: parts({ A: 2 }) } },
        ],
        /would hold 1 and freeze 2 of 2/,
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

test('an account knows the place and the time of its last event, whatever that changed', () => {
  const accounts = new RowSet<BalanceTables['accounts']>('accounts', balances.keys.accounts);
  const fold = (revision: bigint, occurredAt: string, event: AccountEvent) => {
    accounts.name({ accountId: 'a1' });
    const rows = { accounts, lots: new RowSet('lots', []), keys: new RowSet('keys', []), reservations: new RowSet('r', []) };
    balances.fold(rows as never, {
      stream: 'account-a1',
      revision,
      position: 100n + revision,
      metadata: { occurredAt },
      ...event,
    });
  };
  fold(0n, '2026-03-01T00:00:00.000Z', opened);
  fold(1n, '2026-03-02T00:00:00.001Z', { type: 'TierChanged', data: { from: 'premium', to: 'internal' } });
  expect(accounts.get({ accountId: 'a1' })).toMatchObject({
    revision: 1n,
    position: 101n,
    lastEventAt: Date.parse('2026-03-02T00:00:00.001Z'),
  });
});
