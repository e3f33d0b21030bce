/** Generations, activity and usage by key over real servers, with a read side that runs or stands still, and days that go by. */
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { OpenRouter } from '@openrouter/sdk';
import { GetCreditTotals } from '../../projections/balances/credit-totals.query.js';
import { ThinkingModels } from '../../projections/balances/thinking-models.js';
import { ProjectionsModule } from '../../projections/projections.module.js';
import { GetActivity } from '../../projections/usage/activity.query.js';
import { GetGeneration } from '../../projections/usage/generation.query.js';
import { GetKeyUsage } from '../../projections/usage/key-usage.query.js';
import { DEFAULT_LIMITS } from '../../src/accounts/account-writer.js';
import { type AccountCommand, AccountsModule, AccountWriter, newApiKey, WelcomeCredits } from '../../src/accounts/index.js';
import { type EventStoreNode, startEventStoreNode } from '../../src/embedded/event-store/node.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { AdministrationToken } from '../../src/http/administration.guard.js';
import { ApiErrorFilter } from '../../src/http/api-error.filter.js';
import { GatewayClock } from '../../src/http/clock.js';
import { IdempotentRequests, openIdempotentRequests } from '../../src/idempotency/index.js';
import { nano } from '../../src/kernel/credits.js';
import { OpenRouterModule } from '../../src/openrouter/index.js';
import { PriceBook } from '../../src/pricing/index.js';
import { createDatabase } from '../support/postgres.js';

const ACCOUNT = 'acme0001';
const CREDIT = 1_000_000_000n;
const DAY_MS = 86_400_000;

class TestClock extends GatewayClock {
  at = Date.parse('2026-03-01T12:00:00.000Z');
  now(): number {
    return this.at;
  }
}

/** Counts what is read backwards. */
class CountingStore extends EventStore {
  readBack = 0;
  override async *readBackwards(stream: string, from?: bigint) {
    for await (const event of super.readBackwards(stream, from)) {
      this.readBack += 1;
      yield event;
    }
  }
}

interface Process {
  readonly app: NestFastifyApplication;
  readonly url: string;
  readonly store: CountingStore;
}

const clock = new TestClock();
const keys = { spender: newApiKey(ACCOUNT), other: newApiKey(ACCOUNT), management: newApiKey(ACCOUNT) };
let dataDir: string;
let node: EventStoreNode;
let writer: AccountWriter;
let store: EventStore;
/** Folds what happens; has never folded anything. */
let folding: Process;
let standing: Process;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'usage-'));
  node = await startEventStoreNode({ dataDir });
  store = new EventStore(node.connectionString);
  writer = new AccountWriter(store, clock, DEFAULT_LIMITS);
  folding = await start(await createDatabase(), true);
  standing = await start(await createDatabase(), false);
  await happens({ type: 'OpenAccount', accountId: ACCOUNT, username: 'acme', tier: 'premium' });
  await happens({ type: 'GrantCredits', grantId: 'g', kind: 'top_up', amount: nano(1_000n * CREDIT), priority: 50 });
  for (const [name, { keyId, secretHash }] of Object.entries(keys)) {
    const terms = { limit: undefined, limitReset: undefined, expiresAt: undefined };
    const kind = name === 'management' ? 'management' : 'inference';
    await happens({ type: 'IssueApiKey', keyId, secretHash, name, kind, ...terms });
  }
});

afterAll(async () => {
  for (const { app, store } of [folding, standing]) {
    await app?.close();
    await store?.close();
  }
  await store?.close();
  await node?.close();
  await rm(dataDir, { recursive: true });
});

/** A process of its own, as far as what it has in memory goes. */
async function start(databaseUrl: string, run: boolean): Promise<Process> {
  const own = new CountingStore(node.connectionString);
  const shared = [
    { provide: EventStore, useValue: own },
    { provide: GatewayClock, useValue: clock },
    { provide: AdministrationToken, useValue: new AdministrationToken('admin-secret') },
    { provide: WelcomeCredits, useValue: new WelcomeCredits({}) },
    { provide: ThinkingModels, useValue: { enabled: false, defaultBudget: 0, list: () => [] } },
    { provide: PriceBook, useValue: new PriceBook(own, clock) },
    { provide: IdempotentRequests, useFactory: () => openIdempotentRequests('postgres://127.0.0.1:1/none') },
  ];
  @Global()
  @Module({ providers: shared, exports: shared.map((each) => each.provide) })
  class SharedModule {}
  const questions = { generation: GetGeneration, keyUsage: GetKeyUsage, activity: GetActivity, creditTotals: GetCreditTotals };
  @Module({
    imports: [
      CqrsModule.forRoot(),
      SharedModule,
      AccountsModule,
      OpenRouterModule.forRoot(questions),
      ProjectionsModule.forRoot({ databaseUrl, run }),
    ],
  })
  class Application {}
  const app = await NestFactory.create<NestFastifyApplication>(Application, new FastifyAdapter(), { logger: false });
  app.useGlobalFilters(new ApiErrorFilter());
  await app.listen(0, '127.0.0.1');
  return { app, store: own, url: `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}` };
}

let named = 0;
async function happens(command: AccountCommand): Promise<bigint> {
  named += 1;
  const actor = { type: 'system', id: 'test' } as const;
  const { rejection, position } = await writer.execute(ACCOUNT, command, { commandId: `c${named}`, correlationId: 'c', actor });
  if (rejection) throw new Error(rejection.reason);
  return position;
}

const reserve = (id: string, keyId = keys.spender.keyId) =>
  happens({
    type: 'ReserveCredits',
    reservationId: id,
    generationId: id,
    keyId,
    amount: nano(CREDIT),
    quote: { model: 'acme/m', priceVersion: 'acme/m@1', promptTokensMax: 1, completionTokensMax: 1 },
    settleWithinMs: DAY_MS,
  });
const settle = (id: string, cost: bigint, provider = 'openai') =>
  happens({
    type: 'SettleReservation',
    reservationId: id,
    model: 'acme/m',
    cost: { exact: `${cost}000`, rounded: `${cost}`, lines: [] },
    usage: { classes: { input_uncached: 10, cache_read: 5, output_visible: 7, output_reasoning: 3 }, source: 'provider' },
    priceVersion: 'acme/m@1',
    formulaVersion: 'usage@1',
    attempts: [
      { provider: 'deepseek', upstreamModel: 'm', status: 0 },
      { provider, upstreamModel: 'm', upstreamId: 'u-1', status: 200 },
    ],
    outcome: 'completed',
  });
const release = (id: string) => happens({ type: 'ReleaseReservation', reservationId: id, reason: 'provider_error' });
async function call(id: string, cost: bigint, keyId?: string, provider?: string): Promise<bigint> {
  await reserve(id, keyId);
  return settle(id, cost, provider);
}

async function get({ url }: Process, path: string, { key } = keys.management) {
  const answer = await fetch(`${url}/api/v1/${path}`, { headers: { authorization: `Bearer ${key}` } });
  // biome-ignore lint/suspicious/noExplicitAny: a body of the API, whose form the test states
  return { status: answer.status, json: (await answer.json()) as any };
}

describe('a generation, while the read side stands still', () => {
  test('is found as soon as it has ended, by the stream alone, and as the read side tells it later', async () => {
    await call('gen-1', 5n);
    const { status, json } = await get(standing, 'generation?id=gen-1');
    expect([status, json.data]).toMatchObject([
      200,
      {
        id: 'gen-1',
        total_cost: 0.000000005,
        upstream_id: 'u-1',
        tokens_prompt: 15,
        tokens_completion: 10,
        native_tokens_reasoning: 3,
        native_tokens_cached: 5,
        provider_name: 'OpenAI',
        provider_responses: [
          { provider_name: 'DeepSeek', status: null },
          { provider_name: 'OpenAI', status: 200, id: 'u-1' },
        ],
      },
    ]);
    await get(folding, 'key');
    expect((await get(folding, 'generation?id=gen-1')).json).toEqual(json);
  });

  test('is not found while it is open; given back it cost nothing; charged late it has its cost', async () => {
    await reserve('gen-2');
    for (const each of [standing, folding]) expect((await get(each, 'generation?id=gen-2')).status).toBe(404);
    await release('gen-2');
    for (const each of [standing, folding])
      expect((await get(each, 'generation?id=gen-2')).json.data).toMatchObject({ total_cost: 0, provider_name: null });
    await settle('gen-2', 9n);
    for (const each of [standing, folding])
      expect((await get(each, 'generation?id=gen-2')).json.data).toMatchObject({
        total_cost: 0.000000009,
        provider_name: 'OpenAI',
      });
  });

  test('keeps sums from being told that are not exact', async () => {
    const { status, json } = await get(standing, 'key');
    expect([status, json.error.code]).toEqual([503, 503]);
  });
});

test('a generation that the read side has folded is not looked for in the stream', async () => {
  for (let index = 0; index < 50; index++) await call(`gen-many-${index}`, 1n);
  await get(folding, 'key');
  const readBy = async (each: Process) => {
    const before = each.store.readBack;
    expect((await get(each, 'generation?id=gen-1')).status).toBe(200);
    return each.store.readBack - before;
  };
  // The newest event alone, which shows that nothing is ahead.
  expect(await readBy(folding)).toBe(1);
  expect(await readBy(standing)).toBeGreaterThan(100);
  await call('gen-newest', 1n);
  expect((await get(folding, 'generation?id=gen-newest')).status).toBe(200);
});

describe('the activity of an account', () => {
  const rows = async (query = '') => (await get(folding, `activity${query}`)).json.data as Record<string, unknown>[];

  test('is of completed days, the newest first, by model and provider', async () => {
    clock.at = Date.parse('2026-04-01T10:00:00.000Z');
    await call('gen-a1', 3n * CREDIT);
    await call('gen-a2', 1n * CREDIT, keys.other.keyId);
    await call('gen-a3', 2n * CREDIT, undefined, 'deepseek');
    expect(await rows('?date=2026-03-31')).toEqual([]);
    const today = await get(folding, 'activity?date=2026-04-01');
    expect([today.status, today.json.error.param]).toEqual([400, 'date']);

    clock.at = Date.parse('2026-04-02T00:00:00.000Z');
    await call('gen-a4', 5n * CREDIT);
    expect(
      (await rows('?date=2026-04-01')).map(({ provider_name, usage, requests }) => [provider_name, usage, requests]),
    ).toEqual([
      ['DeepSeek', 2, 1],
      ['OpenAI', 4, 2],
    ]);
    expect((await rows()).at(-1)).toEqual({
      date: '2026-04-01',
      model: 'acme/m',
      model_permaslug: 'acme/m',
      endpoint_id: 'openai/acme/m',
      provider_name: 'OpenAI',
      usage: 4,
      byok_usage_inference: 0,
      requests: 2,
      prompt_tokens: 30,
      completion_tokens: 20,
      reasoning_tokens: 6,
    });
    expect((await rows(`?api_key_hash=${keys.other.secretHash}`)).map(({ usage }) => usage)).toEqual([1]);
    expect((await rows('?group_by=workspace'))[0]).toMatchObject({ workspace_id: ACCOUNT });
  });

  test('goes back thirty days and no more', async () => {
    clock.at = Date.parse('2026-05-01T23:59:59.999Z');
    expect((await rows('?date=2026-04-01')).length).toBe(2);
    expect((await rows()).map(({ date }) => date)).toEqual(['2026-04-02', '2026-04-01', '2026-04-01']);
    clock.at += 1;
    expect((await get(folding, 'activity?date=2026-04-01')).status).toBe(400);
    expect((await rows()).map(({ date }) => date)).toEqual(['2026-04-02']);
  });

  test('does not change once its day is over: what is charged late counts when it is', async () => {
    clock.at = Date.parse('2026-06-01T10:00:00.000Z');
    await reserve('gen-late');
    await release('gen-late');
    clock.at = Date.parse('2026-06-02T10:00:00.000Z');
    await settle('gen-late', 7n * CREDIT);
    clock.at = Date.parse('2026-06-03T00:00:00.000Z');
    expect((await rows()).map(({ date, usage }) => [date, usage])).toEqual([['2026-06-02', 7]]);
  });

  test("is read by OpenRouter's client", async () => {
    const client = new OpenRouter({ apiKey: keys.management.key, serverURL: `${folding.url}/api/v1` });
    expect((await client.analytics.getUserActivity({ date: '2026-06-02' })).data).toMatchObject([
      { date: '2026-06-02', usage: 7, requests: 1, providerName: 'OpenAI' },
    ]);
  });
});

test("a key's usage is of the day, of the week since Monday, and of the month, in UTC", async () => {
  const { key, keyId, secretHash } = newApiKey(ACCOUNT);
  clock.at = Date.parse('2026-08-31T23:59:59.999Z');
  const terms = { limit: undefined, limitReset: undefined, expiresAt: undefined };
  await happens({ type: 'IssueApiKey', keyId, secretHash, name: 'periods', ...terms });
  const usage = async () => {
    const { usage, usage_daily, usage_weekly, usage_monthly } = (await get(folding, 'key', { key, keyId, secretHash })).json.data;
    return [usage, usage_daily, usage_weekly, usage_monthly];
  };
  await call('gen-p-august', 11n * CREDIT, keyId);
  expect(await usage()).toEqual([11, 11, 11, 11]);
  // The month has ended on a Monday: its week goes on.
  clock.at += 1;
  await call('gen-p-september', 100n * CREDIT, keyId);
  expect(await usage()).toEqual([111, 100, 111, 100]);
  clock.at = Date.parse('2026-09-07T00:00:00.000Z');
  expect(await usage()).toEqual([111, 0, 0, 100]);
  clock.at = Date.parse('2026-10-01T00:00:00.000Z');
  expect(await usage()).toEqual([111, 0, 0, 0]);
});

test.each(['key', 'keys', 'keys/:other', 'credits', 'activity'])(
  'a management key that another process has revoked gets nothing of %s, though it is remembered here',
  async (path) => {
    const revoked = newApiKey(ACCOUNT);
    const { keyId, secretHash } = revoked;
    const terms = { limit: undefined, limitReset: undefined, expiresAt: undefined };
    await happens({ type: 'IssueApiKey', keyId, secretHash, name: 'revoked', kind: 'management', ...terms });
    const asked = path.replace(':other', keys.other.secretHash);
    expect((await get(folding, asked, revoked)).status).toBe(200);
    await happens({ type: 'RevokeApiKey', keyId });
    expect((await get(folding, asked, revoked)).status).toBe(401);
  },
);

test('a management key is not among the keys that it manages', async () => {
  expect((await get(folding, `keys/${keys.management.secretHash}`)).status).toBe(404);
  expect((await get(folding, `keys/${keys.other.secretHash}`)).json.data).toMatchObject({
    hash: keys.other.secretHash,
    usage: 1,
  });
});

test('rebuilt from the first event, the read side says the same', async () => {
  clock.at = Date.parse('2026-06-03T00:00:00.000Z');
  const rebuilt = await start(await createDatabase(), true);
  const paths = ['activity', 'keys?include_disabled=true', 'key', 'generation?id=gen-1', 'generation?id=gen-late'];
  try {
    for (const path of paths) {
      const { status, json } = await get(rebuilt, path);
      expect([path, status, json]).toEqual([path, 200, (await get(folding, path)).json]);
    }
  } finally {
    await rebuilt.app.close();
    await rebuilt.store.close();
  }
});
