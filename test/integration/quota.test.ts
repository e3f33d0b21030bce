import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CqrsModule, QueryBus } from '@nestjs/cqrs';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { request } from 'undici';
import { DueLots } from '../../projections/balances/due-lots.query.js';
import { OverdueReservations } from '../../projections/balances/overdue-reservations.query.js';
import { ThinkingModels } from '../../projections/balances/thinking-models.js';
import { ProjectionsModule } from '../../projections/projections.module.js';
import { Projections } from '../../projections/runtime/projections.js';
import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import { startEventStoreNode } from '../../src/embedded/event-store/node.js';
import { seal } from '../../src/event-store/envelope.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { AdministrationToken } from '../../src/http/administration.guard.js';
import { ApiErrorFilter } from '../../src/http/api-error.filter.js';
import { Authenticator, type Principal } from '../../src/http/authentication.js';
import { GatewayClock } from '../../src/http/clock.js';
import { beforeStop, createDatabase } from '../support/postgres.js';

const NOW = '2026-03-01T12:00:00.500Z';
const CREDIT = 1_000_000_000n;

/** Keys of the form `<accountId>/<keyId>`, as fresh as the last event that the test appended for the account. */
const positions = new Map<string, bigint>();
class TestAuthenticator extends Authenticator {
  async authenticate(apiKey: string): Promise<Principal | undefined> {
    const [accountId = '', keyId = ''] = apiKey.split('/');
    const position = positions.get(accountId);
    return position === undefined
      ? undefined
      : { accountId, keyId, kind: 'inference', tier: 'of the key', username: 'of the key', position };
  }
}
class TestClock extends GatewayClock {
  now(): number {
    return Date.parse(NOW);
  }
}
class TestThinking extends ThinkingModels {
  readonly enabled = true;
  readonly defaultBudget = 16_000;
  list(): string[] {
    return ['anthropic/claude-sonnet-4', 'openai/gpt-5'];
  }
}

let app: NestFastifyApplication;
let origin: string;
let store: EventStore;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'quota-'));
  closing.push(() => rm(dataDir, { recursive: true }));
  const node = await startEventStoreNode({ dataDir });
  closing.push(() => node.close());
  store = new EventStore(node.connectionString);
  closing.push(() => store.close());

  @Global()
  @Module({
    providers: [
      { provide: EventStore, useValue: store },
      { provide: Authenticator, useClass: TestAuthenticator },
      { provide: GatewayClock, useClass: TestClock },
      { provide: ThinkingModels, useClass: TestThinking },
      { provide: AdministrationToken, useValue: new AdministrationToken('token-of-the-administration') },
    ],
    exports: [EventStore, Authenticator, GatewayClock, ThinkingModels, AdministrationToken],
  })
  class EdgeModule {}

  @Module({
    imports: [CqrsModule.forRoot(), EdgeModule, ProjectionsModule.forRoot({ databaseUrl: await createDatabase(), run: true })],
  })
  class TestModule {}

  app = await NestFactory.create<NestFastifyApplication>(TestModule, new FastifyAdapter(), {
    logger: ['error'],
    abortOnError: false,
  });
  app.useGlobalFilters(new ApiErrorFilter());
  beforeStop(() => app.close());
  await app.listen(0, '127.0.0.1');
  origin = await app.getUrl();
});
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

/** Appends events of an account, each with its time or now. */
async function happened(accountId: string, ...events: readonly (AccountEvent & { at?: string })[]): Promise<void> {
  const stream = `account-${accountId}`;
  let last = -1n;
  for await (const event of store.read(stream)) last = event.revision;
  const sealed = events.map(({ at = NOW, ...event }, index) =>
    seal(
      { stream, revision: last + 1n + BigInt(index), previousHash: '' },
      event,
      { commandId: `${stream}@${last}`, correlationId: 'test', actor: { type: 'system', id: 'test' } },
      index,
      at,
    ),
  );
  const { position } = await store.append(stream, sealed, last);
  positions.set(accountId, position);
}

const credits = (amount: number): string => ((BigInt(Math.round(amount * 1_000)) * CREDIT) / 1_000n).toString();

const opened = (accountId: string): AccountEvent => ({
  type: 'AccountOpened',
  data: { accountId, username: 'ada', tier: 'premium', burnDownOrder: 'mcphub@1', overdraftPolicy: 'none' },
});
const issued = (limits: { limit?: string; limitReset?: 'daily' } = {}): AccountEvent => ({
  type: 'ApiKeyIssued',
  data: { keyId: 'k1', secretHash: 'h', name: 'first', ...limits },
});
const granted = (lotId: string, amount: number, expiresAt?: string): AccountEvent => ({
  type: 'CreditsGranted',
  data: {
    lotId,
    grantId: lotId,
    kind: 'top_up',
    amount: credits(amount),
    costBasis: '1000000000',
    currency: 'USD',
    priority: 10,
    effectiveAt: '2026-01-01T00:00:00.000Z',
    ...(expiresAt === undefined ? {} : { expiresAt }),
  },
});
const reserved = (reservationId: string, lotId: string, amount: number, settleBy = '2026-03-02T00:00:00.000Z'): AccountEvent => ({
  type: 'CreditsReserved',
  data: {
    reservationId,
    generationId: reservationId,
    keyId: 'k1',
    amount: credits(amount),
    holds: [{ lotId, amount: credits(amount) }],
    burnDownOrder: 'mcphub@1',
    quote: { model: 'm', priceVersion: 'p', promptTokensMax: 1, completionTokensMax: 1 },
    settleBy,
  },
});
/** Settles a reservation for less than it holds. */
const settled = (reservationId: string, lotId: string, cost: number, held: number, at = NOW): AccountEvent & { at: string } => ({
  at,
  type: 'ReservationSettled',
  data: {
    reservationId,
    generationId: reservationId,
    keyId: 'k1',
    model: 'm',
    cost: { exact: '0', rounded: credits(cost), lines: [] },
    usage: { classes: {}, source: 'provider' },
    priceVersion: 'p',
    formulaVersion: 'f',
    attempts: [],
    debits: [{ lotId, amount: credits(cost) }],
    releases: [{ lotId, amount: credits(held - cost) }],
    shortfall: '0',
    outcome: 'completed',
  },
});

async function get(path: string, apiKey?: string) {
  const { statusCode, headers, body } = await request(`${origin}${path}`, {
    headers: apiKey === undefined ? {} : { 'x-api-key': apiKey },
  });
  return { status: statusCode, headers, text: await body.text() };
}

const THINKING = '"thinking":{"enabled":true,"default_budget":16000,"models":["anthropic/claude-sonnet-4","openai/gpt-5"]}';

describe('GET /quota and GET /api/v3/auth/credit-balance', () => {
  test('answer as documented, field by field, right after the write', async () => {
    await happened('documented', opened('documented'), issued(), granted('A', 190), granted('B', 10, '2026-03-05T00:00:00.000Z'));
    expect((await get('/quota', 'documented/k1')).text).toBe(
      `{"username":"ada","balance":200,"remaining_quota":200,"used_quota":0,${THINKING}}`,
    );
    await happened('documented', reserved('r1', 'A', 60), settled('r1', 'A', 49.5, 60));
    const quota = await get('/quota', 'documented/k1');
    expect(quota.status).toBe(200);
    expect(quota.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(quota.text).toBe(`{"username":"ada","balance":150.5,"remaining_quota":150.5,"used_quota":49.5,${THINKING}}`);
    expect((await get('/api/v3/auth/credit-balance', 'documented/k1')).text).toBe(
      '{"user_id":"documented","current_balance":150.5,"total_earned":200,"total_spent":49.5,"tier":"premium",' +
        '"expiring_credits":10,"next_expiration":"2026-03-05T00:00:00"}',
    );
  });

  test('say nothing expires with 0 and the empty string, and nothing spent with 0', async () => {
    await happened('plain', opened('plain'), issued(), granted('A', 0.001));
    expect((await get('/api/v3/auth/credit-balance', 'plain/k1')).text).toBe(
      '{"user_id":"plain","current_balance":0.001,"total_earned":0.001,"total_spent":0,"tier":"premium",' +
        '"expiring_credits":0,"next_expiration":""}',
    );
  });

  test('leave out what is reserved and what has expired, whether or not that is written', async () => {
    await happened(
      'expired',
      opened('expired'),
      issued(),
      granted('A', 5, '2026-03-01T12:00:00.500Z'),
      granted('B', 7, '2026-03-01T12:00:00.501Z'),
      reserved('r1', 'B', 3),
    );
    expect((await get('/api/v3/auth/credit-balance', 'expired/k1')).text).toBe(
      '{"user_id":"expired","current_balance":4,"total_earned":12,"total_spent":0,"tier":"premium",' +
        '"expiring_credits":4,"next_expiration":"2026-03-01T12:00:00"}',
    );
    expect(await app.get(QueryBus).execute(new DueLots(Date.parse(NOW), 10))).toEqual(['expired']);
    expect(await app.get(QueryBus).execute(new DueLots(Date.parse(NOW) - 1, 10))).toEqual([]);
  });

  test("a key's own limit bounds what it may still spend, in its current window", async () => {
    await happened(
      'limited',
      opened('limited'),
      issued({ limit: credits(10), limitReset: 'daily' }),
      granted('A', 100),
      { ...reserved('r0', 'A', 9), at: '2026-02-28T23:00:00.000Z' },
      settled('r0', 'A', 8, 9, '2026-02-28T23:59:59.999Z'),
    );
    const quota = async () => (await get('/quota', 'limited/k1')).text;
    expect(await quota()).toBe(`{"username":"ada","balance":92,"remaining_quota":10,"used_quota":0,${THINKING}}`);
    await happened('limited', reserved('r1', 'A', 4), settled('r1', 'A', 1.5, 4), reserved('r2', 'A', 3));
    expect(await quota()).toBe(`{"username":"ada","balance":87.5,"remaining_quota":5.5,"used_quota":1.5,${THINKING}}`);
  });

  test('leave out what a dispute has frozen, and all of it while the account owes', async () => {
    const lots = [{ lotId: 'A', amount: credits(6) }];
    const frozen = { disputeId: 'd1', paymentId: 'p1', claimed: credits(10), lots };
    await happened(
      'disputed',
      opened('disputed'),
      issued(),
      granted('A', 10, '2026-03-05T00:00:00.000Z'),
      granted('B', 3),
      reserved('r1', 'A', 4),
      { type: 'LotsFrozen', data: frozen },
    );
    const balance = async () => (await get('/api/v3/auth/credit-balance', 'disputed/k1')).text;
    expect(await balance()).toBe(
      '{"user_id":"disputed","current_balance":3,"total_earned":13,"total_spent":0,"tier":"premium",' +
        '"expiring_credits":0,"next_expiration":"2026-03-05T00:00:00"}',
    );
    await happened(
      'disputed',
      { type: 'TierChanged', data: { from: 'premium', to: 'internal' } },
      settled('r1', 'A', 3, 4),
      { type: 'LotsFrozen', data: { ...frozen, lots: [{ lotId: 'A', amount: credits(1) }] } },
      {
        type: 'CreditsClawedBack',
        data: { disputeId: 'd1', lots: [{ lotId: 'A', amount: credits(7) }], receivable: credits(3) },
      },
    );
    expect(await balance()).toBe(
      '{"user_id":"disputed","current_balance":0,"total_earned":13,"total_spent":3,"tier":"internal",' +
        '"expiring_credits":0,"next_expiration":""}',
    );
    expect((await get('/quota', 'disputed/k1')).text).toBe(
      `{"username":"ada","balance":0,"remaining_quota":0,"used_quota":3,${THINKING}}`,
    );
  });

  test('give a refund back, though the key has spent what it has spent', async () => {
    await happened('refunded', opened('refunded'), issued({ limit: credits(20) }), granted('A', 10), reserved('r1', 'A', 10));
    await happened('refunded', settled('r1', 'A', 9, 10), {
      type: 'GenerationRefunded',
      data: {
        refundId: 'f1',
        generationId: 'r1',
        amount: credits(2.5),
        credits: [{ lotId: 'A', amount: credits(2.5) }],
        waived: '0',
        regranted: '0',
        reason: 'asked for',
        intoExpired: 'expire',
      },
    });
    expect((await get('/api/v3/auth/credit-balance', 'refunded/k1')).text).toContain(
      '"current_balance":3.5,"total_earned":10,"total_spent":6.5,',
    );
    expect((await get('/quota', 'refunded/k1')).text).toContain('"balance":3.5,"remaining_quota":3.5,"used_quota":9,');
  });

  test('a balance below a nano-credit of change stays exact until the very end', async () => {
    const tiny = granted('A', 1);
    await happened('exact', opened('exact'), issued(), { ...tiny, data: { ...tiny.data, amount: '300000001' } } as AccountEvent);
    expect((await get('/quota', 'exact/k1')).text).toContain('"balance":0.300000001,');
  });
});

test('open reservations are overdue from their settleBy on, longest overdue first', async () => {
  const [before, first, second] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.001Z', '2026-01-01T00:00:00.002Z'] as const;
  await happened(
    'overdue',
    opened('overdue'),
    issued(),
    granted('A', 100),
    reserved('later', 'A', 1, second),
    reserved('sooner', 'A', 1, first),
    reserved('ended', 'A', 1, before),
    settled('ended', 'A', 0.5, 1),
    reserved('extended', 'A', 1, before),
    {
      type: 'ReservationExtended',
      data: {
        reservationId: 'extended',
        generationId: 'extended',
        keyId: 'k1',
        amount: '0',
        holds: [],
        settleBy: '2026-01-01T00:00:00.003Z',
      },
    },
  );
  await get('/quota', 'overdue/k1');
  const overdue = async (at: string, limit = 10) =>
    (await app.get(QueryBus).execute(new OverdueReservations(Date.parse(at), limit))).map(({ reservationId }) => reservationId);
  expect(await overdue(before)).toEqual([]);
  expect(await overdue(first)).toEqual(['sooner']);
  expect(await overdue(second)).toEqual(['sooner', 'later']);
  expect(await overdue(second, 1)).toEqual(['sooner']);
  expect(await app.get(QueryBus).execute(new OverdueReservations(Date.parse(first), 1))).toEqual([
    { accountId: 'overdue', reservationId: 'sooner' },
  ]);
});

describe('looking back, at lots and ahead', () => {
  const OPENED_AT = '2026-02-20T00:00:00.000Z';
  const ADMINISTRATION = 'token-of-the-administration';
  const early = (event: AccountEvent) => ({ ...event, at: OPENED_AT });
  const ask = async (path: string, apiKey = 'looking/k1') => {
    const { status, text } = await get(path, apiKey);
    return { status, ...JSON.parse(text) };
  };
  let before: bigint;

  beforeAll(async () => {
    const lots = [
      granted('A', 10, '2026-03-03T12:00:00.500Z'),
      granted('B', 20),
      granted('C', 5, '2026-03-01T00:00:00.000Z'),
      granted('U', 1),
    ];
    await happened('looking', ...[opened('looking'), issued(), ...lots].map(early));
    before = positions.get('looking') as bigint;
    const at = '2026-02-28T10:00:00.000Z';
    await happened('looking', { ...reserved('r1', 'A', 3), at }, settled('r1', 'A', 2, 3, at));
    await happened('looking', { ...reserved('r2', 'U', 1), at }, settled('r2', 'U', 1, 1, at));
  });

  test('as of a time and as of a position, what was shown then', async () => {
    expect(await ask('/quota')).toMatchObject({ balance: 28, used_quota: 3 });
    expect(await ask(`/quota?as_of=${before}`)).toMatchObject({ balance: 36, used_quota: 0 });
    expect(await ask('/quota?as_of=2026-02-28T11:00:00.000%2B01:00')).toMatchObject({ balance: 33, used_quota: 3 });
    expect(await ask('/quota?as_of=2026-02-28T09:59:59.999Z')).toMatchObject({ balance: 36, used_quota: 0 });
    const then = await ask(`/api/v3/auth/credit-balance?as_of=${before}`);
    expect(then).toMatchObject({ current_balance: 36, total_earned: 36, total_spent: 0, next_expiration: '2026-03-01T00:00:00' });
  });

  test.each(['soon', '2026-02-28', '2026-03-01T12:00:00.501Z', '999999999999999999', '-1'])('as_of=%s is a 400', async (asOf) => {
    expect(await ask(`/quota?as_of=${asOf}`)).toMatchObject({ status: 400, error: { param: 'as_of' } });
  });

  test('before there was the account: 404', async () => {
    expect((await ask('/quota?as_of=2026-02-19T00:00:00.000Z')).status).toBe(404);
  });

  test('the administration sees exact text, of any account that there is', async () => {
    const balance = await ask('/api/v3/admin/accounts/looking/balance', ADMINISTRATION);
    expect(balance).toMatchObject({
      status: 200,
      available: '28',
      held: '0',
      total_earned: '36',
      total_spent: '3',
      revision: '9',
    });
    expect((await ask('/api/v3/admin/accounts/nobody/balance', ADMINISTRATION)).status).toBe(404);
    expect((await ask('/api/v3/admin/accounts/looking/balance')).status).toBe(401);
  });

  test('every lot in burn-down order, with what it is and when it pays', async () => {
    const { data } = await ask('/api/v3/admin/accounts/looking/lots', ADMINISTRATION);
    const shown = (lots: { lot_id: string; status: string; burn_down_place: number | null; remaining: unknown }[]) =>
      lots.map((lot) => [lot.lot_id, lot.status, lot.burn_down_place, lot.remaining]);
    expect(shown(data)).toEqual([
      ['C', 'expired', null, '5'],
      ['A', 'eligible', 1, '8'],
      ['B', 'eligible', 2, '20'],
      ['U', 'used_up', null, '0'],
    ]);
    const own = await ask(`/api/v3/auth/lots?status=eligible&as_of=${before}`);
    expect(shown(own.data)).toEqual([
      ['C', 'eligible', 1, 5],
      ['A', 'eligible', 2, 10],
      ['B', 'eligible', 3, 20],
      ['U', 'eligible', 4, 1],
    ]);
    expect(await ask('/api/v3/auth/lots?status=gone')).toMatchObject({ status: 400, error: { param: 'status' } });
  });

  test('what expires within a window, and what of it unused at the rate of the last days or at a given one', async () => {
    // 3 credits in 7 days; two days are left to A.
    expect(await ask('/api/v3/admin/accounts/looking/expiring-credits', ADMINISTRATION)).toMatchObject({
      expiring_credits: '8',
      forecast: { spending_per_day: '0.428571428', expected_used: '0.857142857', expected_to_expire: '7.142857143' },
      lots: [{ lot_id: 'A', free: '8', expires_at: '2026-03-03T12:00:00.500Z' }],
    });
    expect(await ask('/api/v3/auth/expiring-credits?rate=3.5')).toMatchObject({
      expiring_credits: 8,
      forecast: { spending_per_day: 3.5, expected_used: 7, expected_to_expire: 1 },
    });
    expect(await ask('/api/v3/auth/expiring-credits?days=1')).toMatchObject({ expiring_credits: 0, lots: [] });
    expect(await ask('/api/v3/auth/expiring-credits?until=2026-03-03T12:00:00.500Z')).toMatchObject({ expiring_credits: 8 });
  });

  test.each([
    ['days=0', 'days'],
    ['days=3651', 'days'],
    ['days=1&until=2026-03-03T12:00:00Z', 'until'],
    ['until=2026-03-01T12:00:00.500Z', 'until'],
    ['rate_days=91', 'rate_days'],
    ['rate=-1', 'rate'],
    ['rate=1&rate_days=7', 'rate'],
    ['day=1', 'day'],
  ])('a window or a rate that is none: ?%s is the 400 that names %s', async (query, param) => {
    expect(await ask(`/api/v3/auth/expiring-credits?${query}`)).toMatchObject({ status: 400, error: { param } });
  });

  test('who owes may spend nothing, so that everything goes on to expire', async () => {
    const owing = settled('r1', 'A', 2, 2) as Extract<AccountEvent, { type: 'ReservationSettled' }>;
    await happened('owing', opened('owing'), issued(), granted('A', 10, '2026-03-03T12:00:00.500Z'), reserved('r1', 'A', 2), {
      ...owing,
      data: { ...owing.data, cost: { ...owing.data.cost, rounded: credits(3) }, shortfall: credits(1) },
    });
    expect(await ask('/api/v3/auth/expiring-credits?rate=3', 'owing/k1')).toMatchObject({
      forecast: { spending_per_day: 0, expected_used: 0, expected_to_expire: 8 },
    });
  });
});

describe('when the answer is not there', () => {
  test('no key, or a wrong one: 401', async () => {
    expect((await get('/quota')).status).toBe(401);
    expect((await get('/api/v3/auth/credit-balance', 'nobody/k1')).status).toBe(401);
  });

  test('the account is not folded yet: 503 and when to ask again, never a zero', async () => {
    positions.set('unborn', 1n);
    const { status, headers, text } = await get('/quota', 'unborn/k1');
    expect(status).toBe(503);
    expect(headers['retry-after']).toBe('1');
    expect(JSON.parse(text).error.code).toBe('projection_behind');
  });

  test('a min_position that is none: 400', async () => {
    await happened('asking', opened('asking'), issued());
    const { status, text } = await get('/quota?min_position=soon', 'asking/k1');
    expect(status).toBe(400);
    expect(JSON.parse(text).error.message).toContain('min_position');
    expect((await get(`/quota?min_position=${positions.get('asking')}`, 'asking/k1')).status).toBe(200);
  });

  test('the projection tells how it is', () => {
    const [status] = app.get(Projections, { strict: false }).statuses();
    expect(status).toEqual({
      name: 'balances',
      version: 3,
      position: expect.any(BigInt),
      state: expect.stringMatching(/^live$|^catching_up$/),
    });
  });
});
