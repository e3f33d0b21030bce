import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { balancesDefinition } from '../../projections/balances/balances.definition.js';
import { openDatabase } from '../../projections/runtime/database.js';
import { Freshness } from '../../projections/runtime/freshness.js';
import { ProjectionRunner } from '../../projections/runtime/runner.js';
import { type AccountCommand, accountDecider } from '../../src/accounts/domain/account.decider.js';
import { type Account, initialAccount } from '../../src/accounts/domain/account.js';
import { evolve } from '../../src/accounts/domain/evolve-account.js';
import { startEventStoreNode } from '../../src/embedded/event-store/node.js';
import { seal } from '../../src/event-store/envelope.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { nano } from '../../src/kernel/credits.js';
import { createDatabase } from '../support/postgres.js';

const HOUR_MS = 3_600_000;
const SEED = 20260301;
const ACCOUNTS = ['account1', 'account2', 'account3'];

const closing: (() => Promise<unknown>)[] = [];
const atEnd = (close: () => Promise<unknown>): void => void closing.push(close);
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

test('rebuilt from zero equals live, row by row, after interruptions and with other batches', async () => {
  const { store, book } = await openBook();
  const live = await openRows();
  const script = fc.sample(command, { seed: SEED, numRuns: 400 });

  let position = -1n;
  for (let from = 0; from < script.length; from += 100) {
    const runner = runnerOn(live, store, 3);
    for (const step of script.slice(from, from + 100)) position = (await book.play(step)) ?? position;
    if (from % 200 === 100) await runner.reaches(position);
    await runner.stop();
  }
  const last = runnerOn(live, store, 3);
  expect(await last.reaches(position)).toBe(true);

  const rebuilt = await openRows();
  expect(await runnerOn(rebuilt, store, 1_000).reaches(position)).toBe(true);
  const rows = await allRows(live);
  expect(await allRows(rebuilt)).toEqual(rows);
  expect(rows.map(({ length }) => length)).toEqual([
    ACCOUNTS.length,
    expect.any(Number),
    ACCOUNTS.length,
    book.openReservations(),
    1,
  ]);
});

/** All rows of all tables as PostgreSQL prints them, without the time of the last commit. */
async function allRows(dataSource: DataSource): Promise<string[][]> {
  const rowsOf = async (table: string | undefined): Promise<string[]> => {
    const rows: { row: string }[] = await dataSource.query(
      `SELECT (to_jsonb(t) - 'updated_at')::text AS row FROM projections.${table} AS t ORDER BY 1`,
    );
    return rows.map(({ row }) => row);
  };
  const tables = [...Object.values(balancesDefinition.entities).map(({ options }) => options.tableName), 'checkpoint'];
  return Promise.all(tables.map(rowsOf));
}

async function openRows(): Promise<DataSource> {
  const dataSource = await openDatabase(await createDatabase(), [balancesDefinition]);
  atEnd(() => dataSource.destroy());
  return dataSource;
}

function runnerOn(dataSource: DataSource, store: EventStore, batchMax: number) {
  const freshness = new Freshness(dataSource);
  const log = { log: () => {}, warn: console.warn, error: console.error };
  const runner = new ProjectionRunner(balancesDefinition, dataSource, store, freshness, log, { batchMax });
  atEnd(() => runner.stop());
  runner.start();
  return {
    stop: () => runner.stop(),
    reaches: (position: bigint) => freshness.waitFor(balancesDefinition.projection, position, 30_000),
  };
}

const command = fc.record({
  account: fc.constantFrom(...ACCOUNTS),
  hours: fc.nat(3),
  kind: fc.constantFrom(
    'grant',
    'reserve',
    'reserve',
    'reserve',
    'settle',
    'settle',
    'release',
    'expire',
    'extend',
    'dispute',
    'adjust',
  ),
  amount: fc.bigInt(1n, 400n),
  which: fc.nat(),
});
type Step = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** The write side of some accounts on a store of their own. */
async function openBook() {
  const dataDir = await mkdtemp(join(tmpdir(), 'projection-rebuild-'));
  atEnd(() => rm(dataDir, { recursive: true }));
  const node = await startEventStoreNode({ dataDir });
  atEnd(() => node.close());
  const store = new EventStore(node.connectionString);
  atEnd(() => store.close());
  const book = new Book(store);
  for (const accountId of ACCOUNTS) {
    await book.decide(accountId, { type: 'OpenAccount', accountId, username: `user of ${accountId}`, tier: 'free' });
    await book.decide(accountId, {
      type: 'IssueApiKey',
      keyId: 'k1',
      secretHash: 'h',
      name: 'first',
      limit: nano(2_000n),
      limitReset: 'daily',
      expiresAt: undefined,
    });
  }
  return { store, book };
}

class Book {
  private readonly accounts = new Map<string, { state: Account; revision: bigint }>();
  private now = Date.parse('2026-03-01T00:00:00.000Z');
  private decided = 0;

  constructor(private readonly store: EventStore) {}

  play({ account, hours, kind, amount, which }: Step): Promise<bigint | undefined> {
    this.now += hours * HOUR_MS;
    const open = [...(this.accounts.get(account)?.state.reservations.keys() ?? [])];
    const reservationId = open[which % Math.max(1, open.length)];
    const lots = [...(this.accounts.get(account)?.state.lots.keys() ?? [])];
    const lotId = lots[which % Math.max(1, lots.length)];
    switch (kind) {
      case 'grant':
        return this.decide(account, {
          type: 'GrantCredits',
          grantId: `g${this.decided}`,
          kind: which % 2 === 0 ? 'top_up' : 'promo',
          amount: nano(amount * 4n),
          priority: 10,
          expiresAt: this.now + (1 + (which % 48)) * HOUR_MS,
          ...(which % 2 === 0 ? { paymentId: `p${this.decided}` } : {}),
        });
      case 'reserve':
        return this.decide(account, {
          type: 'ReserveCredits',
          reservationId: `r${this.decided}`,
          generationId: `gen-${this.decided}`,
          keyId: 'k1',
          amount: nano(amount),
          quote: { model: 'm', priceVersion: 'p', promptTokensMax: 1, completionTokensMax: 1 },
          settleWithinMs: HOUR_MS,
        });
      case 'settle':
        return this.end(
          account,
          reservationId && {
            type: 'SettleReservation',
            reservationId,
            model: 'm',
            cost: { exact: `${amount}000`, rounded: amount.toString(), lines: [] },
            usage: { classes: {}, source: 'provider' },
            priceVersion: 'p',
            formulaVersion: 'f',
            attempts: [],
            outcome: 'completed',
          },
        );
      case 'release':
        return this.end(account, reservationId && { type: 'ReleaseReservation', reservationId, reason: 'refused' });
      case 'extend':
        return this.end(
          account,
          reservationId && { type: 'ExtendReservation', reservationId, amount: nano(amount), settleWithinMs: 2 * HOUR_MS },
        );
      case 'dispute':
        return this.dispute(account, which);
      case 'adjust':
        return this.end(
          account,
          lotId && {
            type: 'AdjustCredits',
            adjustmentId: `j${this.decided}`,
            lines: [{ lotId, amount: which % 2 === 0 ? amount : -amount }],
            requestedBy: 'person1',
            approvedBy: 'person2',
            reason: 'r',
          },
        );
      default:
        return this.decide(account, { type: 'ExpireCredits' });
    }
  }

  openReservations(): number {
    return [...this.accounts.values()].reduce((total, { state }) => total + state.reservations.size, 0);
  }

  /** @returns the position of what was appended; undefined where nothing was */
  async decide(accountId: string, decided: AccountCommand): Promise<bigint | undefined> {
    const account = this.accounts.get(accountId) ?? { state: initialAccount(), revision: -1n };
    const decision = accountDecider.decide(decided, account.state, this.now);
    if ('rejection' in decision || decision.events.length === 0) return undefined;
    const stream = `account-${accountId}`;
    const cause = { commandId: `c${this.decided++}`, correlationId: 'test', actor: { type: 'system', id: 'test' } as const };
    const occurredAt = new Date(this.now).toISOString();
    const sealed = decision.events.map((event, index) =>
      seal({ stream, revision: account.revision + 1n + BigInt(index), previousHash: '' }, event, cause, index, occurredAt),
    );
    const { revision, position } = await this.store.append(stream, sealed, account.revision);
    this.accounts.set(accountId, {
      state: decision.events.reduce((state, event) => evolve(state, event, this.now), account.state),
      revision,
    });
    return position;
  }

  /** Begins, wins or loses a dispute. */
  private dispute(accountId: string, which: number): Promise<bigint | undefined> {
    const { grants, disputes } = this.accounts.get(accountId)?.state ?? initialAccount();
    const open = [...disputes].find(([, { status }]) => status === 'open')?.[0];
    if (open !== undefined)
      return this.decide(accountId, { type: which % 2 === 0 ? 'UnfreezeLots' : 'ClawBackCredits', disputeId: open });
    const paymentId = [...grants.values()].findLast((grant) => grant.paymentId !== undefined)?.paymentId;
    return this.end(accountId, paymentId && { type: 'FreezeLots', disputeId: `d${this.decided}`, paymentId, amount: undefined });
  }

  private async end(accountId: string, ending: AccountCommand | '' | undefined): Promise<bigint | undefined> {
    return ending ? this.decide(accountId, ending) : undefined;
  }
}
