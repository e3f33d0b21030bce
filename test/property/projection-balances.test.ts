import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { available, remainingOfKey } from '../../projections/balances/answers.js';
import type { BalanceTables } from '../../projections/balances/balance-tables.projection.js';
import { balances } from '../../projections/balances/balances.projection.js';
import { spentInWindow } from '../../projections/balances/row-changes.projection.js';
import type { Fact } from '../../projections/runtime/projection.js';
import { RowSet } from '../../projections/runtime/row-set.js';
import { type AccountCommand, accountDecider } from '../../src/accounts/domain/account.decider.js';
import {
  type Account,
  available as availableToAccount,
  initialAccount,
  spentInWindow as spentByAccount,
} from '../../src/accounts/domain/account.js';
import { type AccountEvent, type ReservationSettled, TIERS } from '../../src/accounts/domain/accounts.events.js';
import { remainingOfKey as remainingToAccount } from '../../src/accounts/domain/coverage.js';
import { evolve } from '../../src/accounts/domain/evolve-account.js';
import { nano, nanoFromText, nanoToText } from '../../src/kernel/credits.js';

const START = Date.parse('2026-02-27T20:00:00.000Z');
const HOUR_MS = 3_600_000;
const ACCOUNTS = ['account1', 'account2'];
const KEYS = ['k1', 'k2', 'k3'];

type Charge = Pick<ReservationSettled['data'], 'reservationId' | 'generationId' | 'debits' | 'shortfall'>;
type Step = (account: Account, now: number, n: number, charges: readonly Charge[]) => AccountCommand | undefined;

const oneOf = <T>(items: Iterable<T>, which: number): T | undefined => {
  const all = [...items];
  return all[which % Math.max(1, all.length)];
};
const some = fc.option(fc.bigInt(1n, 300n), { nil: undefined });
const settlement = (reservationId: string, cost: bigint): AccountCommand => ({
  type: 'SettleReservation',
  reservationId,
  model: 'm',
  cost: { exact: `${cost}000`, rounded: nanoToText(nano(cost)), lines: [] },
  usage: { classes: {}, source: 'provider' },
  priceVersion: 'p',
  formulaVersion: 'f',
  attempts: [],
  outcome: 'completed',
});

const paymentsOf = ({ grants }: Account): string[] => [...grants.values()].flatMap(({ paymentId }) => paymentId ?? []);

/** What a customer, a provider, an operator and the jobs do. A step that the write side refuses leaves no event. */
const steps = {
  grant: fc.record({ amount: fc.bigInt(1n, 1_000n), hours: fc.option(fc.integer({ min: 1, max: 60 })), paid: fc.boolean() }).map(
    ({ amount, hours, paid }): Step =>
      (_account, now, n) => ({
        type: 'GrantCredits',
        grantId: `g${n}`,
        kind: paid ? 'top_up' : 'promo',
        amount: nano(amount),
        priority: paid ? 50 : 10,
        ...(hours === null ? {} : { expiresAt: now + hours * HOUR_MS }),
        ...(paid ? { paymentId: `p${n}` } : {}),
      }),
  ),
  reserve: fc.record({ amount: fc.bigInt(0n, 400n), key: fc.constantFrom(...KEYS) }).map(
    ({ amount, key }): Step =>
      (_account, _now, n) => ({
        type: 'ReserveCredits',
        reservationId: `r${n}`,
        generationId: `gen-${n}`,
        keyId: key,
        amount: nano(amount),
        quote: { model: 'm', priceVersion: 'p', promptTokensMax: 1, completionTokensMax: 1 },
        settleWithinMs: HOUR_MS,
      }),
  ),
  extend: fc.record({ which: fc.nat(), amount: fc.bigInt(0n, 600n), hours: fc.integer({ min: 0, max: 4 }) }).map(
    ({ which, amount, hours }): Step =>
      (account) => {
        const reservationId = oneOf(account.reservations.keys(), which);
        if (reservationId === undefined) return undefined;
        return { type: 'ExtendReservation', reservationId, amount: nano(amount), settleWithinMs: hours * HOUR_MS };
      },
  ),
  settle: fc.record({ which: fc.nat(), cost: fc.bigInt(0n, 800n) }).map(
    ({ which, cost }): Step =>
      (account) => {
        const reservationId = oneOf(account.reservations.keys(), which);
        return reservationId === undefined ? undefined : settlement(reservationId, cost);
      },
  ),
  settleLate: fc.record({ which: fc.nat(), cost: fc.bigInt(0n, 800n) }).map(
    ({ which, cost }): Step =>
      ({ closed }) => {
        const released = [...closed.recent].filter(([, { as }]) => as === 'released').map(([reservationId]) => reservationId);
        const reservationId = oneOf(released, which);
        return reservationId === undefined ? undefined : settlement(reservationId, cost);
      },
  ),
  release: fc.record({ which: fc.nat(), onlyOverdue: fc.boolean() }).map(
    ({ which, onlyOverdue }): Step =>
      (account) => {
        const reservationId = oneOf(account.reservations.keys(), which);
        if (reservationId === undefined) return undefined;
        return { type: 'ReleaseReservation', reservationId, reason: onlyOverdue ? 'abandoned' : 'provider_error', onlyOverdue };
      },
  ),
  refund: fc.record({ which: fc.nat(), amount: some, intoExpired: fc.constantFrom('expire' as const, 'goodwill' as const) }).map(
    ({ which, amount, intoExpired }): Step =>
      (_account, _now, n, charges) => {
        const charge = oneOf(charges, which);
        if (!charge) return undefined;
        const { generationId, debits, shortfall } = charge;
        const paid = { debits, shortfall: nanoFromText(shortfall) };
        const about = { amount: amount === undefined ? undefined : nano(amount), reason: 'asked for', intoExpired };
        return { type: 'RefundGeneration', refundId: `f${n}`, generationId, paid, ...about };
      },
  ),
  refundTopUp: fc.record({ which: fc.nat(), amount: some }).map(
    ({ which, amount }): Step =>
      (account, _now, n) => {
        const paymentId = oneOf(paymentsOf(account), which);
        if (paymentId === undefined) return undefined;
        return { type: 'RefundTopUp', refundId: `c${n}`, paymentId, amount: amount === undefined ? undefined : nano(amount) };
      },
  ),
  dispute: fc.record({ which: fc.nat(), amount: some }).map(
    ({ which, amount }): Step =>
      (account, _now, n) => {
        const paymentId = oneOf(paymentsOf(account), which);
        if (paymentId === undefined) return undefined;
        return { type: 'FreezeLots', disputeId: `d${n}`, paymentId, amount: amount === undefined ? undefined : nano(amount) };
      },
  ),
  endDispute: fc.record({ which: fc.nat(), won: fc.boolean() }).map(
    ({ which, won }): Step =>
      (account) => {
        const disputeId = oneOf(account.disputes.keys(), which);
        return disputeId === undefined ? undefined : { type: won ? 'UnfreezeLots' : 'ClawBackCredits', disputeId };
      },
  ),
  adjust: fc.array(fc.record({ which: fc.nat(), amount: fc.bigInt(-200n, 200n) }), { minLength: 1, maxLength: 2 }).map(
    (asked): Step =>
      (account, _now, n) => {
        const lots = [...account.grants.values()].map(({ lotId }) => lotId);
        const lines = new Map(asked.map(({ which, amount }) => [oneOf(lots, which), amount]));
        if (lots.length === 0) return undefined;
        return {
          type: 'AdjustCredits',
          adjustmentId: `j${n}`,
          lines: [...lines].map(([lotId, amount]) => ({ lotId: lotId as string, amount })),
          requestedBy: 'person1',
          approvedBy: 'person2',
          reason: 'r',
        };
      },
  ),
  changeTier: fc.constantFrom(...TIERS).map(
    (tier): Step =>
      () => ({ type: 'ChangeTier', tier }),
  ),
  changeKey: fc
    .record({
      keyId: fc.constantFrom(...KEYS),
      limit: fc.option(fc.bigInt(0n, 1_500n)),
      limitReset: fc.option(fc.constantFrom('daily' as const, 'weekly' as const, 'monthly' as const)),
    })
    .map(
      ({ keyId, limit, limitReset }): Step =>
        () => ({ type: 'ChangeApiKey', keyId, limit: limit === null ? null : nano(limit), limitReset }),
    ),
  expire: fc.constant<Step>(() => ({ type: 'ExpireCredits' })),
  revoke: fc.constantFrom(...KEYS).map(
    (keyId): Step =>
      () => ({ type: 'RevokeApiKey', keyId }),
  ),
};

const histories = fc
  .array(
    fc.record({
      account: fc.constantFrom(...ACCOUNTS),
      hours: fc.oneof({ weight: 3, arbitrary: fc.nat(1) }, { weight: 1, arbitrary: fc.nat(12) }),
      step: fc.oneof(
        { weight: 3, arbitrary: steps.grant },
        { weight: 6, arbitrary: steps.reserve },
        { weight: 6, arbitrary: steps.settle },
        { weight: 1, arbitrary: steps.release },
        { weight: 2, arbitrary: steps.extend },
        { weight: 1, arbitrary: steps.settleLate },
        { weight: 1, arbitrary: steps.expire },
        { weight: 1, arbitrary: steps.revoke },
        { weight: 3, arbitrary: steps.changeKey },
        { weight: 1, arbitrary: steps.changeTier },
        { weight: 2, arbitrary: steps.refund },
        { weight: 1, arbitrary: steps.refundTopUp },
        { weight: 2, arbitrary: steps.dispute },
        { weight: 1, arbitrary: steps.endDispute },
        { weight: 1, arbitrary: steps.adjust },
      ),
    }),
    { minLength: 10, maxLength: 120 },
  )
  .map((script) => {
    const world = new World();
    for (const { account, hours, step } of script) world.play(account, hours, step);
    return world;
  });

/** The write side of two accounts, and all events in the order of their positions. */
class World {
  readonly facts: Fact[] = [];
  readonly accounts = new Map(ACCOUNTS.map((accountId) => [accountId, initialAccount()]));
  private readonly charges = new Map<string, Charge[]>(ACCOUNTS.map((accountId) => [accountId, []]));
  now = START;
  private played = 0;

  constructor() {
    for (const accountId of ACCOUNTS) {
      this.decide(accountId, { type: 'OpenAccount', accountId, username: 'ada', tier: 'free' });
      KEYS.forEach((keyId, index) => {
        const limits = [{}, { limit: nano(900n), limitReset: 'daily' as const }, { limit: nano(700n) }][index];
        const key = { keyId, secretHash: keyId, name: keyId, limit: undefined, limitReset: undefined, expiresAt: undefined };
        this.decide(accountId, { type: 'IssueApiKey', ...key, ...limits });
      });
    }
  }

  play(accountId: string, hours: number, step: Step): void {
    this.now += hours * HOUR_MS;
    const command = step(this.accountOf(accountId), this.now, this.played++, this.charges.get(accountId) ?? []);
    if (command) this.decide(accountId, command);
  }

  accountOf(accountId: string): Account {
    return this.accounts.get(accountId) as Account;
  }

  private decide(accountId: string, command: AccountCommand): void {
    const decision = accountDecider.decide(command, this.accountOf(accountId), this.now);
    if ('rejection' in decision) return;
    for (const event of decision.events) this.append(accountId, event);
  }

  private append(accountId: string, event: AccountEvent): void {
    this.accounts.set(accountId, evolve(this.accountOf(accountId), event, this.now));
    if (event.type === 'ReservationSettled' || event.type === 'LateSettlementRecorded')
      this.charges.get(accountId)?.push(event.data);
    const occurredAt = new Date(this.now).toISOString();
    this.facts.push({
      stream: `account-${accountId}`,
      revision: BigInt(this.facts.length),
      position: BigInt(this.facts.length),
      metadata: { occurredAt },
      ...event,
    });
  }
}

/** Tables in memory, folded in batches as the runtime does it. */
class Tables {
  readonly rows = { accounts: new Map(), lots: new Map(), keys: new Map(), reservations: new Map() } as {
    readonly [Table in keyof BalanceTables]: Map<string, BalanceTables[Table]>;
  };

  fold(batch: readonly Fact[]): this {
    const sets = {
      accounts: this.open('accounts', batch),
      lots: this.open('lots', batch),
      keys: this.open('keys', batch),
      reservations: this.open('reservations', batch),
    };
    for (const fact of batch) balances.fold(sets, fact);
    this.keep('accounts', sets.accounts);
    this.keep('lots', sets.lots);
    this.keep('keys', sets.keys);
    this.keep('reservations', sets.reservations);
    return this;
  }

  of<Table extends keyof BalanceTables>(table: Table, accountId: string): BalanceTables[Table][] {
    return [...this.rows[table].values()].filter((row) => row.accountId === accountId);
  }

  /** All rows of all tables, in the order of their keys. */
  sorted() {
    return Object.values(this.rows).map((rows) => [...rows.entries()].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  private open<Table extends keyof BalanceTables>(table: Table, batch: readonly Fact[]): RowSet<BalanceTables[Table]> {
    const rows = new RowSet<BalanceTables[Table]>(table, balances.keys[table]);
    for (const fact of batch) for (const key of balances.rowsOf(fact)[table]) rows.name(key);
    const stored = rows.keys().map((key) => this.rows[table].get(this.idOf(table, key)));
    rows.load(stored.filter((row) => row !== undefined));
    return rows;
  }

  private keep<Table extends keyof BalanceTables>(table: Table, rows: RowSet<BalanceTables[Table]>): void {
    const { upserts, deletes } = rows.changes();
    for (const row of upserts) this.rows[table].set(this.idOf(table, row), row);
    for (const key of deletes) this.rows[table].delete(this.idOf(table, key));
  }

  private idOf<Table extends keyof BalanceTables>(table: Table, key: Partial<BalanceTables[Table]>): string {
    return balances.keys[table].map((column) => String(key[column])).join('/');
  }
}

type AnyLot = Pick<BalanceTables['lots'], 'lotId' | 'remaining' | 'held' | 'frozen'>;
const asLots = (lots: Iterable<AnyLot>) =>
  new Map([...lots].map(({ lotId, remaining, held, frozen }) => [lotId, { remaining, held, frozen }]));

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);

describe('balances, for every history that the write side can produce', () => {
  test('no credit is lost: what was earned remains, or was spent, expired, clawed back or paid back', () => {
    fc.assert(
      fc.property(histories, (world) => {
        const tables = new Tables().fold(world.facts);
        for (const account of tables.rows.accounts.values()) {
          const lots = tables.of('lots', account.accountId);
          const reserved = tables.of('reservations', account.accountId);
          const { totalSpent, totalExpired, totalClawedBack, totalCashRefunded } = account;
          const gone = totalSpent + totalExpired + totalClawedBack + totalCashRefunded;
          expect(account.totalEarned).toBe(sum(lots.map(({ remaining }) => remaining)) + gone);
          expect(account.totalEarned).toBe(sum(lots.map(({ granted }) => granted)) + account.totalAdjusted);
          expect(sum(lots.map(({ held }) => held))).toBe(sum(reserved.map(({ amount }) => amount)));
          expect(sum(tables.of('keys', account.accountId).map(({ held }) => held))).toBe(
            sum(reserved.map(({ amount }) => amount)),
          );
        }
      }),
      { numRuns: 150 },
    );
  });

  test('the answers are those that the write side decides by', () => {
    fc.assert(
      fc.property(histories, fc.nat(48), (world, hoursLater) => {
        const tables = new Tables().fold(world.facts);
        const at = world.now + hoursLater * HOUR_MS;
        for (const [accountId, state] of world.accounts) {
          const [account] = tables.of('accounts', accountId);
          if (!account) throw new Error('no row');
          expect(available(account, tables.of('lots', accountId), at)).toBe(availableToAccount(state, at));
          expect([account.receivable, account.tier]).toEqual([state.receivable, state.tier]);
          expect(asLots(tables.of('lots', accountId).filter(({ remaining }) => remaining > 0n))).toEqual(
            asLots(state.lots.values()),
          );
          const reserved = tables.of('reservations', accountId).map((row) => [row.reservationId, row.amount, row.settleBy]);
          const open = [...state.reservations].map(([id, { amount, settleBy }]) => [id, amount, settleBy]);
          expect(reserved.sort()).toEqual(open.sort());
          for (const row of tables.of('keys', accountId)) {
            const key = state.keys.get(row.keyId);
            if (!key) throw new Error('no key');
            expect(spentInWindow(row, at)).toBe(spentByAccount(key, at));
            expect(remainingOfKey(row, at)).toBe(remainingToAccount(key, at));
            expect([row.revoked, row.limit, row.limitReset]).toEqual([key.revoked, key.limit ?? null, key.limitReset ?? null]);
          }
        }
      }),
      { numRuns: 600 },
    );
  });

  test('the histories know every event', () => {
    const worlds = fc.sample(histories, { seed: 20260301, numRuns: 500 });
    const types = new Set(worlds.flatMap(({ facts }) => facts.map(({ type }) => type)));
    expect([...types].sort()).toEqual([
      'AccountOpened',
      'ApiKeyChanged',
      'ApiKeyIssued',
      'ApiKeyRevoked',
      'CreditsAdjusted',
      'CreditsClawedBack',
      'CreditsExpired',
      'CreditsGranted',
      'CreditsReserved',
      'GenerationRefunded',
      'LateSettlementRecorded',
      'LotsFrozen',
      'LotsUnfrozen',
      'ReservationExtended',
      'ReservationReleased',
      'ReservationSettled',
      'ShortfallRepaid',
      'TierChanged',
      'TopUpRefunded',
    ]);
  });

  test('how the events are cut into batches does not matter', () => {
    fc.assert(
      fc.property(histories, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (world, sizes) => {
        const cut = new Tables();
        for (let from = 0, n = 0; from < world.facts.length; n++) {
          const size = sizes[n % sizes.length] as number;
          cut.fold(world.facts.slice(from, from + size));
          from += size;
        }
        expect(cut.sorted()).toEqual(new Tables().fold(world.facts).sorted());
      }),
      { numRuns: 100 },
    );
  });
});
