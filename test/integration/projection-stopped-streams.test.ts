/** An event that the balances cannot fold stops its account in this read model, and only that account. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CqrsModule, QueryBus } from '@nestjs/cqrs';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { DataSource } from 'typeorm';
import { request } from 'undici';
import { balancesDefinition } from '../../projections/balances/balances.definition.js';
import { DueLots } from '../../projections/balances/due-lots.query.js';
import { OverdueReservations } from '../../projections/balances/overdue-reservations.query.js';
import { ThinkingModels } from '../../projections/balances/thinking-models.js';
import { ProjectionsModule } from '../../projections/projections.module.js';
import { openDatabase } from '../../projections/runtime/database.js';
import { Freshness } from '../../projections/runtime/freshness.js';
import { ProjectionRunner } from '../../projections/runtime/runner.js';
import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import { seal } from '../../src/event-store/envelope.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { AdministrationToken } from '../../src/http/administration.guard.js';
import { ApiErrorFilter } from '../../src/http/api-error.filter.js';
import { Authenticator } from '../../src/http/authentication.js';
import { GatewayClock } from '../../src/http/clock.js';
import { Metrics } from '../../src/http/metrics.controller.js';
import { startTemporaryNode, type TemporaryNode } from '../support/event-store-node.js';
import { createDatabase } from '../support/postgres.js';

const AT = '2026-03-01T12:00:00.000Z';
const CANARY = 'canary';

const closing: (() => Promise<unknown>)[] = [];
const atEnd = (close: () => Promise<unknown>): void => void closing.push(close);
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

let node: TemporaryNode;
let store: EventStore;
beforeAll(async () => {
  node = await startTemporaryNode();
  store = new EventStore(node.connectionString);
});
afterAll(async () => {
  await store.close();
  await node.dispose();
});

type Forged = { readonly type: string; readonly data: unknown; readonly metadata?: unknown };
const holds = [{ lotId: 'first', amount: '40' }];
const granted = (lotId: string, amount: string, more: object = {}) => ({
  type: 'CreditsGranted',
  data: { lotId, grantId: lotId, kind: 'top_up', amount, costBasis: '0', currency: 'USD', priority: 1, effectiveAt: AT, ...more },
});
const reserved = (reservationId: string, more: object = {}) => ({
  type: 'CreditsReserved',
  data: { reservationId, generationId: reservationId, keyId: 'k1', amount: '40', holds, settleBy: AT, ...more },
});

/** Events that no writer of ours stores. Those with `CANARY` would give it away in a message. */
const POISONS: Readonly<Record<string, Forged>> = {
  'of an unknown type': { type: 'CreditsConjured', data: { secret: CANARY } },
  'with data that are no JSON': { type: 'TierChanged', data: undefined },
  'without data': { type: 'TierChanged', data: null },
  'without an envelope': { type: 'TierChanged', data: { from: 'free', to: 'premium' }, metadata: {} },
  'without a time': { type: 'TierChanged', data: { from: 'free', to: 'premium' }, metadata: { occurredAt: CANARY, hash: 'h' } },
  'with an amount that is none': granted('second', CANARY),
  'with an amount beyond what a column holds': granted('second', '9'.repeat(200_000)),
  'with a text for a number': granted('second', '7', { priority: CANARY }),
  'with a time that is none': granted('second', '7', { expiresAt: CANARY }),
  'with a time beyond what a column holds': granted('second', '7', { expiresAt: '+200000-01-01T00:00:00.000Z' }),
  'with a number for a name': granted(5 as never, '7'),
  'with a name that no text can hold': granted(`${CANARY}\0`, '7'),
  'with half a character': { type: 'TierChanged', data: { from: 'free', to: '\ud800' } },
  'with a name that no index takes': granted('é'.repeat(3_000), '7'),
  'with more than it says in a list': reserved('r2', { holds: [{ lotId: 'first', amount: '1', note: '\0' }] }),
  'impossible, after a part of it was folded': reserved('r2', { holds: [...holds, { lotId: 'first', amount: '999' }] }),
  'which ends what it does not name': {
    type: 'ReservationReleased',
    data: { reservationId: 'r1', generationId: 'r1', keyId: 'k1', releases: [], reason: 'refused' },
  },
  'for the second time': {
    type: 'AccountOpened',
    data: { accountId: CANARY, username: CANARY, tier: 'free', burnDownOrder: 'mcphub@1', overdraftPolicy: 'none' },
  },
};
const KINDS = Object.keys(POISONS);

/** Appends events to an account's stream in one append, as a writer would, or forged. */
async function append(accountId: string, ...events: readonly (Forged | AccountEvent)[]): Promise<bigint> {
  const stream = `account-${accountId}`;
  let last = -1n;
  for await (const event of store.read(stream)) last = event.revision;
  const cause = { commandId: `${stream}@${last}`, correlationId: 'test', actor: { type: 'system', id: 'test' } } as const;
  const sealed = events.map((event, index) => {
    const place = { stream, revision: last + 1n + BigInt(index), previousHash: '' };
    const whole = seal(place, event as AccountEvent, cause, index, AT);
    if ('metadata' in event) return { ...whole, metadataJson: JSON.stringify(event.metadata) };
    return event.data === undefined ? { ...whole, dataJson: `{"${CANARY}` } : whole;
  });
  return (await store.append(stream, sealed as never, last)).position;
}

const opening = (accountId: string): (AccountEvent | Forged)[] => [
  {
    type: 'AccountOpened',
    data: { accountId, username: 'ada', tier: 'free', burnDownOrder: 'mcphub@1', overdraftPolicy: 'none' },
  },
  { type: 'ApiKeyIssued', data: { keyId: 'k1', secretHash: 'h', name: 'first' } },
  granted('first', '100', { expiresAt: '2026-03-02T00:00:00.000Z' }),
  reserved('r1'),
];

async function openRows(): Promise<DataSource> {
  const dataSource = await openDatabase(await createDatabase(), [balancesDefinition]);
  atEnd(() => dataSource.destroy());
  return dataSource;
}

function run(dataSource: DataSource, batchMax: number, definition = balancesDefinition) {
  const errors: string[] = [];
  let heard = (): void => {};
  const anError = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const freshness = new Freshness(dataSource);
  const log = { log: () => {}, warn: console.warn, error };
  function error(message: string): void {
    errors.push(message);
    heard();
  }
  const runner = new ProjectionRunner(definition, dataSource, store, freshness, log, { batchMax });
  atEnd(() => runner.stop());
  runner.start();
  const reaches = (position: bigint) => freshness.waitFor(definition.projection, position, 30_000);
  return { runner, errors, anError, reaches };
}

const TABLES = [...Object.values(balancesDefinition.entities).map(({ options }) => options.tableName), 'stopped_stream'];

/** All rows of all tables, of the accounts whose ids begin so, without the times of commits. */
async function rowsOf(dataSource: DataSource, prefix: string): Promise<Record<string, unknown>[]> {
  const rows = await Promise.all(
    TABLES.map((table) =>
      dataSource.query(
        `SELECT to_jsonb(t) - 'updated_at' - 'stopped_at' || '{"table": "${table}"}' AS row FROM projections.${table} AS t ORDER BY 1`,
      ),
    ),
  );
  return rows
    .flat()
    .map(({ row }) => row)
    .filter((row) => (row.account_id ?? row.stream.slice('account-'.length)).startsWith(prefix));
}

describe('an event', () => {
  test.each(KINDS)('%s: stops its account as it was before, and nothing else in the batch', async (kind) => {
    const name = `k${KINDS.indexOf(kind)}x`;
    const dataSource = await openRows();
    await append(`${name}ill`, ...opening(`${name}ill`));
    const before = await append(`${name}well`, ...opening(`${name}well`));
    const first = run(dataSource, 1_000);
    expect(await first.reaches(before)).toBe(true);
    const good = await rowsOf(dataSource, `${name}ill`);
    await first.runner.stop();

    await append(`${name}well`, granted('kept', '1'));
    const poison = await append(`${name}ill`, POISONS[kind] as Forged);
    await append(`${name}well`, granted('later', '1'));
    const position = await append(`${name}ill`, granted('passed-over', '1'));
    const second = run(dataSource, 1_000);
    expect(await second.reaches(position)).toBe(true);
    expect(second.errors.filter((line) => line.includes(name))).toEqual([
      expect.stringMatching(
        new RegExp(`stopped account-${name}ill and no other stream: event 4, \\w+, position ${poison}, cannot`),
      ),
    ]);
    expect(second.errors.join()).not.toContain(CANARY);
    const rows = await rowsOf(dataSource, name);
    const stop = rows.filter(({ table }) => table === 'stopped_stream');
    expect(stop).toEqual([
      {
        table: 'stopped_stream',
        projection: 'balances',
        version: balancesDefinition.projection.version,
        stream: `account-${name}ill`,
        revision: 4,
        position: Number(poison),
        event_type: POISONS[kind]?.type,
        error: expect.stringMatching(/^\w*Error in \w/),
      },
    ]);
    expect(JSON.stringify(stop)).not.toContain(CANARY);
    expect(rows.filter((row) => row.account_id === `${name}ill`)).toEqual(good);
    expect(
      rows
        .filter((row) => row.account_id === `${name}well` && row.granted)
        .map((row) => row.lot_id)
        .sort(),
    ).toEqual(['first', 'kept', 'later']);
  });
});

test('a stop outlives the runner, is not told again, and rebuilt equals live in any batches', async () => {
  const live = await openRows();
  let position = -1n;
  for (const batchMax of [1, 2, 3]) {
    for (const [index, kind] of KINDS.entries()) {
      const [ill, well] = [`b${batchMax}i${index}x`, `b${batchMax}w${index}x`];
      await append(ill, ...opening(ill));
      await append(well, ...opening(well));
      await append(ill, granted('kept', '1'), POISONS[kind] as Forged, granted('passed-over', '1'));
      position = await append(well, granted('later', '1'));
    }
    const runner = run(live, batchMax);
    expect(await runner.reaches(position)).toBe(true);
    await runner.runner.stop();
    const stopped = await rowsOf(live, `b${batchMax}i`);
    expect(runner.errors.filter((line) => line.includes(`account-b${batchMax}i`))).toHaveLength(KINDS.length);

    for (const [index] of KINDS.entries()) position = await append(`b${batchMax}i${index}x`, granted('much-later', '1'));
    const again = run(live, batchMax);
    expect(await again.reaches(position)).toBe(true);
    expect(again.errors).toEqual([]);
    expect(again.runner.status().stoppedStreams).toBeGreaterThanOrEqual(KINDS.length);
    await again.runner.stop();
    expect(await rowsOf(live, `b${batchMax}i`)).toEqual(stopped);
  }

  const rebuilt = await openRows();
  expect(await run(rebuilt, 1_000).reaches(position)).toBe(true);
  const rows = await rowsOf(live, '');
  expect(await rowsOf(rebuilt, '')).toEqual(rows);
  expect(rows.filter(({ lot_id }) => lot_id === 'kept' || lot_id === 'later').length).toBeGreaterThanOrEqual(6 * KINDS.length);
  expect(rows.filter(({ lot_id }) => lot_id === 'passed-over' || lot_id === 'much-later')).toEqual([]);
});

test('a new version of the projection begins without stops', async () => {
  const dataSource = await openRows();
  await append('mended', ...opening('mended'));
  const position = await append('mended', { type: 'TierPraised', data: { to: 'premium' } });
  const old = run(dataSource, 10);
  expect(await old.reaches(position)).toBe(true);
  await old.runner.stop();

  const { projection } = balancesDefinition;
  const known = <Event extends { type: string }>(fact: Event): Event =>
    fact.type === 'TierPraised' ? { ...fact, type: 'TierChanged' } : fact;
  const mended = run(dataSource, 10, {
    ...balancesDefinition,
    projection: {
      ...projection,
      version: projection.version + 1,
      rowsOf: (fact) => projection.rowsOf(known(fact)),
      fold: (rows, fact) => {
        const account = rows.accounts.find({ accountId: fact.stream.slice('account-'.length) });
        // The tables are those of the version before: what it has folded is passed over.
        if (fact.type === 'TierPraised' || account === undefined) projection.fold(rows, known(fact));
      },
    },
  });
  expect(await mended.reaches(position)).toBe(true);
  expect(mended.errors.filter((line) => line.includes('mended'))).toEqual([]);
  const rows = await rowsOf(dataSource, 'mended');
  expect(rows.find(({ table }) => table === TABLES[0])).toMatchObject({ tier: 'premium' });
  expect(rows.filter(({ table }) => table === 'stopped_stream').map(({ version }) => version)).toEqual([projection.version]);
});

test('a store with another history ends the stops', async () => {
  const dataSource = await openRows();
  const position = await append('elsewhere', ...opening('elsewhere'), POISONS['of an unknown type'] as Forged);
  const here = run(dataSource, 10);
  expect(await here.reaches(position)).toBe(true);
  await here.runner.stop();
  expect(await rowsOf(dataSource, 'elsewhere')).toContainEqual(expect.objectContaining({ stream: 'account-elsewhere' }));

  const ours = { node, store };
  node = await startTemporaryNode();
  store = new EventStore(node.connectionString);
  const other = { node, store };
  atEnd(async () => {
    ({ node, store } = ours);
    await other.store.close();
    await other.node.dispose();
  });
  const newPosition = await append('elsewhere', ...opening('elsewhere'));
  const there = run(dataSource, 10);
  await there.anError;
  expect(there.errors).toEqual([expect.stringMatching(/is rebuilt from zero/)]);
  expect(await there.reaches(newPosition)).toBe(true);
  expect((await rowsOf(dataSource, '')).filter(({ table }) => table === 'stopped_stream')).toEqual([]);
  expect(there.runner.status().stoppedStreams).toBeUndefined();
});

test('what is asked about a stopped account is refused as the write side refuses it, and it is measured', async () => {
  class EveryoneAuthenticator extends Authenticator {
    async authenticate(accountId: string) {
      return { accountId, keyId: 'k1', kind: 'inference' as const, tier: 'free', username: 'ada', position };
    }
  }
  const metrics = new Metrics(store);
  const providers = [
    { provide: EventStore, useValue: store },
    { provide: Authenticator, useClass: EveryoneAuthenticator },
    { provide: GatewayClock, useValue: { now: () => Date.parse(AT) } },
    { provide: ThinkingModels, useValue: { enabled: false, defaultBudget: 0, list: () => [] } },
    { provide: Metrics, useValue: metrics },
    { provide: AdministrationToken, useValue: new AdministrationToken('token-of-the-administration') },
  ];
  @Global()
  @Module({ providers, exports: providers.map(({ provide }) => provide) })
  class EdgeModule {}
  @Module({
    imports: [CqrsModule.forRoot(), EdgeModule, ProjectionsModule.forRoot({ databaseUrl: await createDatabase(), run: true })],
  })
  class TestModule {}
  await append('ill-asked', ...opening('ill-asked'), POISONS['of an unknown type'] as Forged);
  await append('unborn-asked', POISONS['of an unknown type'] as Forged);
  const position = await append('well-asked', ...opening('well-asked'));
  const app = await NestFactory.create(TestModule, new FastifyAdapter(), { logger: false, abortOnError: false });
  atEnd(() => app.close());
  app.useGlobalFilters(new ApiErrorFilter());
  await app.listen(0, '127.0.0.1');
  const get = async (path: string, accountId: string) => {
    const { statusCode, body } = await request(`${await app.getUrl()}${path}`, { headers: { 'x-api-key': accountId } });
    return { status: statusCode, json: (await body.json()) as { balance?: number; error?: { code: string } } };
  };

  // A read waits only so long; the tables are still empty here, and a busy machine may need longer.
  expect(await app.get(Freshness, { strict: false }).waitFor(balancesDefinition.projection, position, 30_000)).toBe(true);
  for (const path of ['/quota', '/api/v3/auth/credit-balance']) {
    expect((await get(path, 'well-asked')).status).toBe(200);
    for (const stopped of ['ill-asked', 'unborn-asked']) {
      const { status, json } = await get(path, stopped);
      expect([status, json.error?.code]).toEqual([500, 'account_unreadable']);
    }
  }
  expect((await metrics.registry.metrics()).match(/^projection_stopped_streams{projection="balances"} (\d+)$/m)?.[1]).toMatch(
    /^[1-9]/,
  );
  // Its lots and its reservation will never change again: the jobs are not told of them for ever.
  const later = Date.parse('2026-04-01T00:00:00.000Z');
  const due = await app.get(QueryBus).execute(new DueLots(later, 10_000));
  const overdue = (await app.get(QueryBus).execute(new OverdueReservations(later, 10_000))).map(({ accountId }) => accountId);
  for (const hints of [due, overdue]) {
    expect(hints).toContain('well-asked');
    expect(hints).not.toContain('ill-asked');
  }
});
