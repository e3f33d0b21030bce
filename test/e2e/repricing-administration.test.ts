/** Replay, what-if and repricing as an administrator asks for them, from the real program. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.js';
import { ADMIN_TOKEN, type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { ledger } from '../support/ledger-command.js';
import { ACCOUNTS, account, administer, CREDIT_PER_TOKEN, done, publishCreditPerToken, spend } from './administration.js';
import type { Json } from './http.js';

const WHAT_IF = '/api/v3/admin/what-if';
const REPRICINGS = '/api/v3/admin/repricings';

let upstream: FakeUpstream;
let gateway: Gateway;
let customer: Customer;
let generations: string[];
let cheap: string;

beforeAll(async () => {
  upstream = await startFakeUpstream();
  gateway = await startGateway({ upstream, env: { LOG_LEVEL: 'warn' } });
  await publishCreditPerToken(gateway);
  customer = await gateway.admin.openCustomer({ credits: 100, tier: 'internal' });
  generations = [await spend(gateway, customer.key, 4), await spend(gateway, customer.key, 6)];
  const { json } = await administer(gateway, 'PUT', `/api/v3/admin/models/${CREDIT_PER_TOKEN}`, {
    name: 'Half a credit per token',
    context_length: 100_000,
    max_completion_tokens: 10_000,
    prices: { prompt: '0', completion: '0.5' },
    routes: [{ provider: 'openai', upstream_model: 'credit-per-token' }],
    effective_at: '2030-01-01T00:00:00Z',
  });
  cheap = json.price_version ?? `${CREDIT_PER_TOKEN}@2`;
});
afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

const post = async (path: string, body: object): Promise<{ status: number; json: Json }> =>
  administer(gateway, 'POST', path, body);
const get = async (path: string) => administer(gateway, 'GET', path);

describe('replay', () => {
  const replay = (query = '') => get(`${ACCOUNTS}/${customer.userId}/replay${query}`);

  test('pages go on from revision to revision, and end where the account is', async () => {
    const seen: Json[] = [];
    for (let from: number | null = 0; from !== null; ) {
      const { status, json } = await replay(`?from_revision=${from}&limit=3`);
      expect(status).toBe(200);
      expect(json.steps.length).toBeLessThanOrEqual(3);
      seen.push(...json.steps);
      from = json.next_from_revision;
    }
    expect(seen.map(({ revision }) => revision)).toEqual(seen.map((_, index) => index));
    expect(seen.every(({ problems }) => problems.length === 0)).toBe(true);
    expect(seen.at(-1).balance).toMatchObject({ available: '90', held: '0', owned: '90', receivable: '0' });
    expect(
      seen.filter(({ settlement }) => settlement).map(({ settlement }) => [settlement.result, settlement.charged.cost]),
    ).toEqual([
      ['match', '4'],
      ['match', '6'],
    ]);
    expect(JSON.stringify(seen)).not.toContain('secretHash');
  });

  test('one generation, and as of a moment', async () => {
    const { json } = await replay(`?generation_id=${generations[0]}`);
    expect(json.steps.map(({ type }: Json) => type)).toEqual(['CreditsReserved', 'ReservationSettled']);
    const [reserved] = json.steps;
    const then = (await replay(`?as_of=${reserved.position}&limit=1000`)).json;
    expect(then.steps.at(-1)).toEqual(reserved);
    const byTime = (await replay(`?as_of=${encodeURIComponent(reserved.time)}&limit=1000`)).json.steps;
    expect(byTime.every(({ time }: Json) => time <= reserved.time)).toBe(true);
    expect(byTime.map(({ revision }: Json) => revision)).toContain(reserved.revision);
    expect((await replay(`?as_of=revision:${reserved.revision}&limit=1000`)).json.steps).toEqual(then.steps);
  });

  test('jsonl is all of it, line by line, and says that it is whole', async () => {
    const { status, text, headers } = await replay('?format=jsonl');
    expect([status, headers.get('content-type')]).toEqual([200, 'application/x-ndjson; charset=utf-8']);
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const end = lines.pop();
    expect(end).toEqual({ end: true, steps: lines.length, problems: 0, mismatches: 0, last: [] });
    expect(lines).toEqual((await replay('?limit=1000')).json.steps);
  });

  test('who leaves in the middle is left alone, and the program goes on', async () => {
    await new Promise<void>((resolve, reject) => {
      const asking = request(`${gateway.url}${ACCOUNTS}/${customer.userId}/replay?format=jsonl`, {
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      });
      asking.on('response', (response) => {
        response.once('data', () => response.destroy());
        response.once('close', resolve);
        response.on('error', () => undefined);
      });
      asking.on('error', reject).end();
    });
    expect((await replay('?limit=1')).status).toBe(200);
  });

  test.each([
    ['?limit=0', 'limit'],
    ['?limit=1001', 'limit'],
    ['?from_revision=-1', 'from_revision'],
    ['?format=xml', 'format'],
    ['?as_of=yesterday', 'as_of'],
    ['?as_of=2026-01-01T00:00:00', 'as_of'],
    ['?what=1', 'what'],
  ])('%s is refused by its name', async (query, param) => {
    const { status, json } = await replay(query);
    expect([status, json.error.param]).toEqual([400, param]);
  });

  test('of nobody is not found, and nobody else may ask', async () => {
    expect((await get(`${ACCOUNTS}/nobody123/replay`)).status).toBe(404);
    expect((await get(`${ACCOUNTS}/../x/replay`)).status).toBe(404);
    const { status } = await fetch(`${gateway.url}${ACCOUNTS}/${customer.userId}/replay`);
    expect(status).toBe(401);
  });
});

describe('what-if', () => {
  test('compares by a version, or by prices that nobody has published, and writes nothing', async () => {
    const before = await account(gateway, customer.userId);
    const byVersion = await post(WHAT_IF, { account_id: customer.userId, price_version: cheap });
    expect(byVersion.status).toBe(200);
    expect(byVersion.json.total).toMatchObject({
      calls: 2,
      charged: { cost: '10' },
      other: { cost: '5' },
      difference: { cost: '-5' },
    });
    const prices = { prompt: '0', completion: '0.5' };
    const byPrices = await post(WHAT_IF, { account_id: customer.userId, prices, generation_ids: [generations[1]] });
    expect(byPrices.json.calls).toHaveLength(1);
    expect(byPrices.json.total.difference.cost).toBe('-3');
    expect(await account(gateway, customer.userId)).toEqual(before);
  });

  test.each<[string, () => object, number, string]>([
    ['an unknown account', () => ({ account_id: 'nobody123', price_version: cheap }), 404, 'account_id'],
    ['an account that cannot be', () => ({ account_id: '../x', price_version: cheap }), 404, 'account_id'],
    ['an unknown version', () => ({ price_version: 'a/b@1' }), 404, 'price_version'],
    ['an unknown generation', () => ({ price_version: cheap, generation_ids: ['gen-x'] }), 404, 'generation_ids'],
    ['an unknown model', () => ({ price_version: cheap, model: 'a/b' }), 404, 'model'],
    ['no prices', () => ({}), 400, 'price_version'],
    ['two prices', () => ({ price_version: cheap, prices: { prompt: '0', completion: '0' } }), 400, 'price_version'],
    ['a price that is none', () => ({ prices: { prompt: '-1', completion: '0' } }), 400, 'prices.prompt'],
    ['a price that is missing', () => ({ prices: { prompt: '1' } }), 400, 'prices.completion'],
    ['a price of an unknown kind', () => ({ prices: { prompt: '1', completion: '1', smell: '1' } }), 400, 'prices.smell'],
    [
      'names and a range',
      () => ({ price_version: cheap, generation_ids: ['g'], from: '2026-01-01T00:00:00Z' }),
      400,
      'generation_ids',
    ],
    [
      'a range that ends before it begins',
      () => ({ price_version: cheap, from: '2026-01-02T00:00:00Z', until: '2026-01-01T00:00:00Z' }),
      400,
      'until',
    ],
  ])('refuses %s', async (_, body, status, param) => {
    const answer = await post(WHAT_IF, { account_id: customer.userId, ...body() });
    expect([answer.status, answer.json.error.param]).toEqual([status, param]);
  });
});

describe('repricing', () => {
  test('is proposed, shown, approved by somebody else and carried out; the ledger verifies', async () => {
    const body = {
      repricing_id: 'half-1',
      account_id: customer.userId,
      price_version: cheap,
      reason: 'wrong price',
      requested_by: 'ann',
    };
    const proposed = await post(REPRICINGS, body);
    expect(proposed.status).toBe(201);
    expect(proposed.json).toMatchObject({ status: 'proposed', calls: 2, before: '10', after: '5', refunds: '5', charges: '0' });
    expect(await post(REPRICINGS, body)).toMatchObject({ status: 201, json: proposed.json });
    expect((await post(REPRICINGS, { ...body, reason: 'another' })).status).toBe(409);

    const { json } = await get(`${REPRICINGS}/half-1/differences`);
    expect(json.calls.map(({ effect }: Json) => effect)).toEqual(['-2', '-3']);
    const csv = await get(`${REPRICINGS}/half-1/differences?format=csv`);
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(csv.text.split('\r\n')).toEqual([
      'generation_id,model,before,after,difference,effect,not_rated',
      `${generations[0]},${CREDIT_PER_TOKEN},4,2,-2,-2,`,
      `${generations[1]},${CREDIT_PER_TOKEN},6,3,-3,-3,`,
      '',
    ]);

    expect((await post(`${REPRICINGS}/half-1/approve`, { approved_by: 'ann' })).status).toBe(400);
    const approved = await post(`${REPRICINGS}/half-1/approve`, { approved_by: 'bob' });
    expect(approved).toMatchObject({ status: 200, json: { status: 'carried_out', effects: { refunds: 2, refunded: '5' } } });
    expect((await post(`${REPRICINGS}/half-1/approve`, { approved_by: 'bob' })).json).toEqual(approved.json);
    expect((await get(`${REPRICINGS}/half-1`)).json).toEqual(approved.json);
    expect(await account(gateway, customer.userId)).toMatchObject({ available: '95' });
    expect((await post(`${REPRICINGS}/half-1/reject`, { rejected_by: 'cat' })).status).toBe(409);

    const verified = await ledger(['verify', '--json'], { DATA_DIR: gateway.dataDir });
    expect(verified.json).toMatchObject({ ok: true });
  });

  test.each<[string, object, string]>([
    ['id', { repricing_id: 'a:b' }, 'repricing_id'],
    ['person', { requested_by: 'Ann Smith' }, 'requested_by'],
    ['reason', { reason: '' }, 'reason'],
    ['blank reason', { reason: '  ' }, 'reason'],
    ['field', { prices: {} }, 'prices'],
  ])('with a wrong %s is refused by its name', async (_, about, param) => {
    const body = {
      repricing_id: 'x',
      account_id: customer.userId,
      price_version: cheap,
      reason: 'r',
      requested_by: 'ann',
      ...about,
    };
    const { status, json } = await post(REPRICINGS, body);
    expect([status, json.error.param]).toEqual([400, param]);
  });

  test('that nobody knows is not found', async () => {
    for (const path of ['', '/differences']) expect((await get(`${REPRICINGS}/none${path}`)).status).toBe(404);
    expect((await post(`${REPRICINGS}/none/approve`, { approved_by: 'bob' })).status).toBe(404);
    expect(await done(gateway, 'GET', customer.userId)).toMatchObject({ available: '95' });
  });
});
