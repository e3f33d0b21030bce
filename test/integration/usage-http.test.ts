/** Usage and generations as the administration and customers ask for them, over real servers. */
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ThinkingModels } from '../../projections/balances/thinking-models.js';
import { ProjectionsModule } from '../../projections/projections.module.js';
import { DEFAULT_LIMITS } from '../../src/accounts/account-writer.js';
import { type AccountCommand, AccountsModule, AccountWriter, newApiKey, WelcomeCredits } from '../../src/accounts/index.js';
import { type EventMetadata, hashEvent } from '../../src/event-store/envelope.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { AdministrationToken } from '../../src/http/administration.guard.js';
import { ApiErrorFilter } from '../../src/http/api-error.filter.js';
import { GatewayClock } from '../../src/http/clock.js';
import { IdempotentRequests, openIdempotentRequests } from '../../src/idempotency/index.js';
import { nano } from '../../src/kernel/credits.js';
import { startTemporaryNode, type TemporaryNode } from '../support/event-store-node.js';
import { beforeStop, createDatabase } from '../support/postgres.js';

const [ACME, OTHER] = ['acme0001', 'other001'];
const CREDIT = 1_000_000_000n;
const TOKEN = 'admin-secret';
const ADMIN_USAGE = '/api/v3/admin/usage';
const OWN_USAGE = '/api/v3/auth/usage';
const generationsOf = (account: string) => `/api/v3/admin/accounts/${account}/generations`;

class TestClock extends GatewayClock {
  at = Date.parse('2026-03-01T22:10:00.000Z');
  now(): number {
    return this.at;
  }
}

const clock = new TestClock();
const keys = { spender: newApiKey(ACME), second: newApiKey(ACME), management: newApiKey(ACME), stranger: newApiKey(OTHER) };
/** Where the ledger was, by what had just happened. */
const positions: Record<string, bigint> = {};
let node: TemporaryNode;
let store: EventStore;
let writer: AccountWriter;
let app: NestFastifyApplication;
let url: string;

beforeAll(async () => {
  node = await startTemporaryNode();
  store = new EventStore(node.connectionString);
  writer = new AccountWriter(store, clock, DEFAULT_LIMITS);
  await start(await createDatabase());
  for (const account of [ACME, OTHER]) {
    await happens(account, { type: 'OpenAccount', accountId: account, username: 'ada', tier: 'premium' });
    await happens(account, { type: 'GrantCredits', grantId: 'g', kind: 'top_up', amount: nano(100n * CREDIT), priority: 50 });
  }
  for (const [name, { keyId, secretHash }] of Object.entries(keys)) {
    const terms = { limit: undefined, limitReset: undefined, expiresAt: undefined };
    const kind = name === 'management' ? 'management' : 'inference';
    const account = name === 'stranger' ? OTHER : ACME;
    await happens(account, { type: 'IssueApiKey', keyId, secretHash, name, kind, ...terms });
  }
  await call(ACME, 'gen-1', keys.spender.keyId, 5n * CREDIT);
  positions['first'] = await call(ACME, 'gen-2', keys.second.keyId, 1n);
  clock.at = Date.parse('2026-03-02T01:20:00.000Z');
  await call(OTHER, 'gen-3', keys.stranger.keyId, 2n * CREDIT, 'acme/N');
  await reserve(ACME, 'gen-4', keys.spender.keyId);
  positions['reserved'] = await happens(ACME, {
    type: 'ExtendReservation',
    reservationId: 'gen-4',
    amount: nano(2n * CREDIT),
    settleWithinMs: 2 * 86_400_000,
  });
  clock.at += 60_000;
  await settle(ACME, 'gen-4', 3n * CREDIT, 'acme/N');
  const paid = { debits: [{ lotId: await lotOf(ACME), amount: `${5n * CREDIT}` }], shortfall: nano(0n) };
  const refund = {
    refundId: 'r-1',
    generationId: 'gen-1',
    paid,
    amount: nano(CREDIT),
    reason: 'asked',
    intoExpired: 'expire',
  } as const;
  positions['refunded'] = await happens(ACME, { type: 'RefundGeneration', ...refund });
});

afterAll(async () => {
  await store?.close();
  await node?.dispose();
});

async function start(databaseUrl: string): Promise<void> {
  const own = new EventStore(node.connectionString);
  const shared = [
    { provide: EventStore, useValue: own },
    { provide: GatewayClock, useValue: clock },
    { provide: AdministrationToken, useValue: new AdministrationToken(TOKEN) },
    { provide: WelcomeCredits, useValue: new WelcomeCredits({}) },
    { provide: ThinkingModels, useValue: { enabled: false, defaultBudget: 0, list: () => [] } },
    { provide: IdempotentRequests, useFactory: () => openIdempotentRequests('postgres://127.0.0.1:1/none') },
  ];
  @Global()
  @Module({ providers: shared, exports: shared.map((each) => each.provide) })
  class SharedModule {}
  @Module({
    imports: [CqrsModule.forRoot(), SharedModule, AccountsModule, ProjectionsModule.forRoot({ databaseUrl, run: true })],
  })
  class Application {}
  app = await NestFactory.create<NestFastifyApplication>(Application, new FastifyAdapter(), { logger: false });
  beforeStop(async () => {
    await app.close();
    await own.close();
  });
  app.useGlobalFilters(new ApiErrorFilter());
  await app.listen(0, '127.0.0.1');
  url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
}

let named = 0;
async function happens(account: string, command: AccountCommand): Promise<bigint> {
  named += 1;
  const actor = { type: 'system', id: 'test' } as const;
  const { rejection, position } = await writer.execute(account, command, { commandId: `c${named}`, correlationId: 'c', actor });
  if (rejection) throw new Error(rejection.reason);
  return position;
}

const reserve = (account: string, id: string, keyId: string) =>
  happens(account, {
    type: 'ReserveCredits',
    reservationId: id,
    generationId: id,
    keyId,
    amount: nano(CREDIT),
    quote: { model: 'acme/m', priceVersion: 'acme/m@1', promptTokensMax: 1, completionTokensMax: 1 },
    settleWithinMs: 86_400_000,
  });
const settle = (account: string, id: string, cost: bigint, model = 'acme/m') =>
  happens(account, {
    type: 'SettleReservation',
    reservationId: id,
    model,
    cost: { exact: `${cost}000`, rounded: `${cost}`, lines: [{ class: 'input_uncached', tokens: 10, price: '7', amount: '70' }] },
    usage: { classes: { input_uncached: 10, cache_read: 5, output_visible: 7, output_reasoning: 3 }, source: 'provider' },
    priceVersion: `${model}@1`,
    formulaVersion: 'usage@1',
    attempts: [{ provider: 'openai', upstreamModel: 'm', upstreamId: 'u-1', status: 200 }],
    outcome: 'completed',
  });
async function call(account: string, id: string, keyId: string, cost: bigint, model?: string): Promise<bigint> {
  await reserve(account, id, keyId);
  return settle(account, id, cost, model);
}

async function lotOf(account: string): Promise<string> {
  for await (const { type, data } of store.read(`account-${account}`))
    if (type === 'CreditsGranted') return (data as { lotId: string }).lotId;
  throw new Error('nothing was granted');
}

async function get(path: string, query: Record<string, string> = {}, key = TOKEN) {
  const answer = await fetch(`${url}${path}?${new URLSearchParams(query)}`, { headers: { authorization: `Bearer ${key}` } });
  // biome-ignore lint/suspicious/noExplicitAny: a body of the API, whose form the test states
  return { status: answer.status, json: (await answer.json()) as any };
}

const DAYS = { from: '2026-03-01', until: '2026-03-03' };

describe('usage', () => {
  test('of all accounts is exact, in order, and adds up', async () => {
    const { status, json } = await get(ADMIN_USAGE, { ...DAYS, group_by: 'day,account,model' });
    expect([status, json.from, json.until]).toEqual([200, '2026-03-01T00:00:00.000Z', '2026-03-03T00:00:00.000Z']);
    expect(
      json.data.map((row: Record<string, unknown>) => [
        row['day'],
        row['account_id'],
        row['model'],
        row['requests'],
        row['cost'],
      ]),
    ).toEqual([
      ['2026-03-01', ACME, 'acme/m', 2, '5.000000001'],
      ['2026-03-02', ACME, 'acme/N', 1, '3'],
      ['2026-03-02', OTHER, 'acme/N', 1, '2'],
    ]);
    expect(json.totals).toEqual({
      requests: 4,
      estimated_requests: 0,
      prompt_tokens: 60,
      cached_tokens: 20,
      completion_tokens: 40,
      reasoning_tokens: 12,
      cost: '10.000000001',
    });
  });

  test('is of whole hours, half-open, and filtered', async () => {
    const hours = async (query: Record<string, string>) =>
      (await get(ADMIN_USAGE, { group_by: 'hour', ...query })).json.data.map((row: Record<string, unknown>) => row['hour']);
    const [ten, eleven, one] = ['2026-03-01T22:00:00Z', '2026-03-01T23:00:00Z', '2026-03-02T01:00:00Z'];
    expect(await hours({ from: ten as string, until: one as string })).toEqual(['2026-03-01T22:00:00.000Z']);
    expect(await hours({ from: eleven as string, until: one as string })).toEqual([]);
    expect(await hours({ from: '2026-03-02T00:00:00+01:00', until: '2026-03-03' })).toEqual(['2026-03-02T01:00:00.000Z']);
    expect(await hours({ ...DAYS, account_id: ACME as string, model: 'acme/m' })).toEqual(['2026-03-01T22:00:00.000Z']);
    expect(await hours({ ...DAYS, key: keys.stranger.keyId })).toEqual(['2026-03-02T01:00:00.000Z']);
    expect(await hours({ ...DAYS, provider: 'gemini' })).toEqual([]);
  });

  test('as it was: by position, and by time', async () => {
    const cost = async (as_of: string) =>
      (await get(ADMIN_USAGE, { ...DAYS, account_id: ACME as string, as_of })).json.totals.cost;
    expect(await cost(`${positions['first']}`)).toBe('5.000000001');
    expect(await cost(`${(positions['first'] as bigint) - 1n}`)).toBe('5');
    expect(await cost('2026-03-02T01:20:59.999Z')).toBe('5.000000001');
    expect(await cost('2026-03-02T01:21:00.000Z')).toBe('8.000000001');
  });

  test("is a customer's: of the key itself, or with a management key of the account", async () => {
    const own = await get(OWN_USAGE, { ...DAYS, group_by: 'key,model' }, keys.spender.key);
    expect(own.json.data.map((row: Record<string, unknown>) => [row['key'], row['model'], row['cost']])).toEqual([
      [keys.spender.keyId, 'acme/N', 3],
      [keys.spender.keyId, 'acme/m', 5],
    ]);
    const all = await get(OWN_USAGE, { ...DAYS, group_by: 'key' }, keys.management.key);
    expect([all.json.data.length, all.json.totals.cost]).toEqual([2, 8.000000001]);
    const some = await get(OWN_USAGE, { ...DAYS, key: keys.second.keyId }, keys.management.key);
    expect(some.json.totals).toMatchObject({ requests: 1, cost: 1e-9 });
    const past = await get(OWN_USAGE, { ...DAYS, as_of: `${positions['first']}` }, keys.management.key);
    expect(past.json.totals.cost).toBe(5.000000001);
    for (const [name, value] of [
      ['account_id', OTHER],
      ['key', keys.second.keyId],
    ] as const)
      expect((await get(OWN_USAGE, { ...DAYS, [name]: value as string }, keys.spender.key)).json.error.param).toBe(name);
  });

  test.each([
    ['from', { from: 'yesterday' }],
    ['from', { from: '2026-03-01T10:30:00Z' }],
    ['from', { from: '2026-03-01T10:00:00' }],
    ['from', { from: '2026-02-30' }],
    ['until', { until: '2026-03-01T10:00:00.001Z' }],
    ['until', { from: '2026-03-02', until: '2026-03-02' }],
    ['group_by', { group_by: 'week' }],
    ['group_by', { group_by: 'day,day' }],
    ['model', { model: 'a\0b' }],
    ['as_of', { as_of: 'now' }],
    ['as_of', { as_of: '2027-01-01T00:00:00Z' }],
    ['as_of', { as_of: '999999999999999999' }],
    ['min_position', { min_position: '-1' }],
    ['colour', { colour: 'red' }],
  ] as [string, Record<string, string>][])('names the parameter that is wrong: %s, %j', async (name, query) => {
    const { status, json } = await get(ADMIN_USAGE, query);
    expect([status, json.error.param]).toEqual([400, name]);
  });

  test('is not told of an account that there is not, nor without the right key', async () => {
    for (const account_id of ['nobody01', '../../x']) {
      const { status, json } = await get(ADMIN_USAGE, { account_id });
      expect([status, json.error.param]).toEqual([404, 'account_id']);
    }
    expect((await get(ADMIN_USAGE, {}, keys.management.key)).status).toBe(401);
    expect((await get(OWN_USAGE, {}, TOKEN)).status).toBe(401);
  });
});

describe('the generations of an account', () => {
  const ids = (json: { data: { generation_id: string }[] }) => json.data.map(({ generation_id }) => generation_id);

  test('are listed with the newest first, page by page', async () => {
    const first = await get(generationsOf(ACME as string), { limit: '2' });
    expect(ids(first.json)).toEqual(['gen-4', 'gen-2']);
    const second = await get(generationsOf(ACME as string), { limit: '2', cursor: first.json.next });
    expect([ids(second.json), second.json.next]).toEqual([['gen-1'], null]);
    expect(ids((await get(generationsOf(ACME as string), { model: 'acme/N' })).json)).toEqual(['gen-4']);
    expect(ids((await get(generationsOf(ACME as string), { key: keys.second.keyId })).json)).toEqual(['gen-2']);
    expect(ids((await get(generationsOf(ACME as string), { until: '2026-03-02' })).json)).toEqual(['gen-2', 'gen-1']);
  });

  test('are listed as they were', async () => {
    const asOf = async (position: bigint, query = {}) =>
      (await get(generationsOf(ACME as string), { as_of: `${position}`, ...query })).json;
    expect((await asOf(positions['reserved'] as bigint)).data[0]).toMatchObject({
      generation_id: 'gen-4',
      status: 'open',
      cost: '0',
      model: 'acme/m',
    });
    expect(ids(await asOf(positions['reserved'] as bigint, { model: 'acme/N' }))).toEqual([]);
    expect(ids(await asOf(positions['first'] as bigint))).toEqual(['gen-2', 'gen-1']);
    const [before, after] = [(positions['refunded'] as bigint) - 1n, positions['refunded'] as bigint];
    expect((await asOf(before)).data.at(-1)).toMatchObject({ generation_id: 'gen-1', refunded: '0' });
    expect((await asOf(after)).data.at(-1)).toMatchObject({ generation_id: 'gen-1', refunded: '1', cost: '5' });
  });

  test('are shown with the events that prove them, whose hashes can be computed anew', async () => {
    const { status, json } = await get(`${generationsOf(ACME as string)}/gen-1`);
    expect([status, json.cost, json.refunded, json.price_version]).toEqual([200, '5', '1', 'acme/m@1']);
    expect(json.events.map(({ type }: { type: string }) => type)).toEqual([
      'CreditsReserved',
      'ReservationSettled',
      'GenerationRefunded',
    ]);
    expect(json.events[1].data).toMatchObject({
      cost: { exact: '5000000000000', rounded: '5000000000', lines: [{ class: 'input_uncached', tokens: 10 }] },
      usage: { source: 'provider' },
      attempts: [{ upstreamId: 'u-1' }],
    });
    expect(json.events[2]).toMatchObject({ position: `${positions['refunded']}` });
    for (const { metadata, revision, ...event } of json.events) {
      const { hash, ...signed } = metadata as EventMetadata;
      expect(hashEvent({ ...event, revision: BigInt(revision) }, signed)).toBe(hash);
    }
    const extended = await get(`${generationsOf(ACME as string)}/gen-4`);
    expect(extended.json.events.map(({ type }: { type: string }) => type)).toEqual([
      'CreditsReserved',
      'ReservationExtended',
      'ReservationSettled',
    ]);
  });

  test('are of that account alone, and a wrong parameter is named', async () => {
    expect((await get(`${generationsOf(OTHER as string)}/gen-1`)).json.error.code).toBe('generation_not_found');
    expect((await get(generationsOf('nobody01'))).json.error.code).toBe('account_not_found');
    for (const query of [
      { cursor: 'x' },
      { limit: '0' },
      { from: 'x' },
      { as_of: 'x' },
      { min_position: 'x' },
      { colour: 'red' },
    ])
      expect((await get(generationsOf(ACME as string), query)).json.error.param).toBe(Object.keys(query)[0]);
  });
});
