/** What an account had then is what its rows said then: at every event, at every time between two, wherever a moment was kept. */
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type BalanceMoment, balanceMomentEntity, balanceMoments } from '../../projections/balances/balance-moments.js';
import { balancesDefinition } from '../../projections/balances/balances.definition.js';
import { balances } from '../../projections/balances/balances.projection.js';
import { PastBalances } from '../../projections/balances/past-balances.js';
import { openDatabase } from '../../projections/runtime/database.js';
import { Freshness } from '../../projections/runtime/freshness.js';
import type { Fact } from '../../projections/runtime/projection.js';
import { ProjectionRunner } from '../../projections/runtime/runner.js';
import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { ACCOUNTS, histories, type World } from '../support/account-histories.js';
import { startTemporaryNode } from '../support/event-store-node.js';
import { createDatabase } from '../support/postgres.js';
import { Tables } from '../support/projection-tables.js';
import { SealedStream } from '../support/sealed-stream.js';

const SEED = 20260301;
const HOUR_MS = 3_600_000;

const closing: (() => Promise<unknown>)[] = [];
const atEnd = (close: () => Promise<unknown>): void => void closing.push(close);
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** The events of a world in a real store, each with the position that it got there. */
async function stored(world: Pick<World, 'facts'>) {
  const node = await startTemporaryNode();
  atEnd(() => node.dispose());
  const store = new EventStore(node.connectionString);
  atEnd(() => store.close());
  const streams = new Map(ACCOUNTS.map((accountId) => [`account-${accountId}`, new SealedStream(`account-${accountId}`)]));
  const facts: Fact[] = [];
  for (const [n, { stream, type, data, metadata }] of world.facts.entries()) {
    const sealed = streams.get(stream) as SealedStream;
    sealed.add(type, data as object, `c${n}`, Date.parse(metadata.occurredAt));
    const revision = BigInt(sealed.events.length - 1);
    const { position } = await store.append(stream, sealed.events.slice(-1), revision - 1n);
    facts.push({ stream, type, data, metadata, revision, position });
  }
  return { store, facts };
}

/** Folds everything into rows, with moments after every few events. */
async function projected(store: EventStore, facts: readonly Fact[], batchMax: number, every: bigint) {
  const definition = { ...balancesDefinition, cache: balanceMoments(every) };
  const dataSource = await openDatabase(await createDatabase(), [definition]);
  atEnd(() => dataSource.destroy());
  const freshness = new Freshness(dataSource);
  const log = { log: () => {}, warn: console.warn, error: console.error };
  const runner = new ProjectionRunner(definition, dataSource, store, freshness, log, { batchMax });
  runner.start();
  expect(await freshness.waitFor(balances, facts.at(-1)?.position as bigint, 30_000)).toBe(true);
  await runner.stop();
  const now = Date.parse(facts.at(-1)?.metadata.occurredAt as string) + HOUR_MS;
  return { dataSource, past: new PastBalances(dataSource, store, { now: () => now }) };
}

/** As texts, in one order of rows and of what is in them. */
const inOrder = (rows: readonly object[]): string[] =>
  rows
    .map((row) => Object.entries(row).map(([name, value]) => `${name}: ${value}`))
    .map((members) => members.sort().join(', '))
    .sort();

const worlds = fc
  .sample(histories, { seed: SEED, numRuns: 100 })
  .sort((a, b) => b.facts.length - a.facts.length)
  .slice(0, 4);

describe.each(worlds.map((world, n) => [n, world] as const))('random history %i', (n, world) => {
  test('at every event, and at every time between two', async () => {
    const { store, facts } = await stored(world);
    const { dataSource, past } = await projected(store, facts, n % 2 === 0 ? 4 : 1_000, n % 2 === 0 ? 3n : 10n);
    expect(await dataSource.manager.count(balanceMomentEntity)).toBeGreaterThan(0);
    for (const accountId of ACCOUNTS) {
      const own = facts.filter(({ stream }) => stream === `account-${accountId}`);
      const live = new Tables(balances);
      for (const [index, fact] of own.entries()) {
        live.fold([fact]);
        const rows = [live.of('accounts', accountId), live.of('lots', accountId), live.of('keys', accountId)].map(inOrder);
        const seen = async (asOf: Parameters<PastBalances['read']>[1]) => {
          const found = await past.read(accountId, asOf);
          if (!found) throw new Error('there is nothing');
          return { rows: [[found.account], found.lots, found.keys].map(inOrder), at: found.at };
        };
        const at = Date.parse(fact.metadata.occurredAt);
        expect(await seen({ position: fact.position })).toEqual({ rows, at });
        const next = own[index + 1];
        const until = next ? Date.parse(next.metadata.occurredAt) : at + HOUR_MS;
        if (until === at) continue;
        for (const moment of new Set([at, until - 1])) expect(await seen({ at: moment })).toEqual({ rows, at: moment });
        // Positions of other accounts' events lie between.
        if (next && next.position > fact.position + 1n) expect((await seen({ position: next.position - 1n })).rows).toEqual(rows);
      }
    }
  });
});

describe('a long stream', () => {
  const grants = (count: number): World['facts'] => {
    const event = (index: number): AccountEvent =>
      index === 0
        ? {
            type: 'AccountOpened',
            data: { accountId: 'account1', username: 'u', tier: 'free', burnDownOrder: 'mcphub@1', overdraftPolicy: 'none' },
          }
        : { type: 'TierChanged', data: { from: 'free', to: index % 2 === 0 ? 'free' : 'premium' } };
    return Array.from({ length: count }, (_, index) => ({
      stream: 'account-account1',
      revision: BigInt(index),
      position: BigInt(index),
      metadata: { occurredAt: new Date(Date.UTC(2026, 2, 1) + index * 1_000).toISOString() },
      ...event(index),
    }));
  };

  test('is folded from the last moment before the point, not from its beginning', async () => {
    const { store, facts } = await stored({ facts: grants(60) });
    const { dataSource, past } = await projected(store, facts, 1, 20n);
    const kept = await dataSource.manager.find(balanceMomentEntity, { order: { revision: 'ASC' } });
    expect(kept.map(({ revision }: BalanceMoment) => revision)).toEqual([20n, 40n]);
    // What is told of the events before the moment is told by the moment alone.
    await dataSource.query(
      `UPDATE projections."${balanceMomentEntity.options.tableName}" SET state = replace(state::text, '"u"', '"from the moment"')::jsonb`,
    );
    const nameAt = async (revision: number) =>
      (await past.read('account1', { position: facts[revision]?.position as bigint }))?.account.username;
    expect([await nameAt(19), await nameAt(20), await nameAt(59)]).toEqual(['u', 'from the moment', 'from the moment']);
    await dataSource.manager.clear(balanceMomentEntity);
    expect(await nameAt(59)).toBe('u');
  });

  test('before the account was opened there is nothing, and nobody knows what lies ahead', async () => {
    const { store, facts } = await stored({ facts: grants(3) });
    const { past } = await projected(store, facts, 10, 100n);
    const [first, last] = [facts[0] as Fact, facts[2] as Fact];
    expect(await past.read('account1', { at: Date.parse(first.metadata.occurredAt) - 1 })).toBeUndefined();
    expect(await past.read('account2', { position: last.position })).toBeUndefined();
    await expect(past.read('account1', { position: last.position + 1n })).rejects.toMatchObject({
      status: 400,
      details: { param: 'as_of' },
    });
    await expect(past.read('account1', { at: Date.UTC(2027, 0, 1) })).rejects.toMatchObject({ status: 400 });
  });
});
