/** What an account had and what it will lose, asked over HTTP: now, as of a position, as of a time. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ADMIN_TOKEN, type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { ask, chat, type Json } from './http.js';

const DAY_MS = 86_400_000;
const inDays = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString();

let gateway: Gateway;
let customer: Customer;
/** Positions of the answers to writes, in their order. */
const written: bigint[] = [];

beforeAll(async () => {
  gateway = await startGateway();
  customer = await gateway.admin.openCustomer({ credits: 3 });
  const grant = async (about: Parameters<Gateway['admin']['grant']>[1]) =>
    written.push(BigInt((await gateway.admin.grant(customer.userId, about))['position'] as string));
  await grant({ grant_id: 'soon', amount: '2', kind: 'promo', expires_at: inDays(3), priority: 10 });
  await grant({ grant_id: 'later', amount: '5', kind: 'promo', expires_at: inDays(20), priority: 20 });
  const { status } = await ask(gateway, '/v1/chat/completions', { key: customer.key, body: chat('Hello!') });
  expect(status).toBe(200);
  await grant({ grant_id: 'last', amount: '1', kind: 'top_up' });
});

afterAll(() => gateway?.dispose());

const own = async (path: string): Promise<Json> => (await ask(gateway, path, { key: customer.key })).json;
const admin = async (path: string) => ask(gateway, `/api/v3/admin/accounts/${path}`, { key: ADMIN_TOKEN });
const fresh = () => `min_position=${written.at(-1)}`;

describe('what an account had', () => {
  test('as of the position of each write: what it showed then', async () => {
    const [soon, later, last] = written;
    const at = async (position: bigint | undefined) => (await own(`/api/v3/auth/credit-balance?as_of=${position}`)).total_earned;
    expect([await at(soon), await at(later), await at(last)]).toEqual([5, 10, 11]);
    expect((await own(`/quota?as_of=${soon}`)).balance).toBe(5);
    expect((await own(`/quota?${fresh()}`)).balance).toBeLessThan(11);
  });

  test('as of now and of the last position: what it shows now', async () => {
    const { json: now } = await admin(`${customer.userId}/balance?${fresh()}`);
    for (const asOf of [String(written.at(-1)), new Date().toISOString()]) {
      const { json } = await admin(`${customer.userId}/balance?as_of=${encodeURIComponent(asOf)}`);
      expect({ ...json, at: now.at }).toEqual(now);
    }
  });

  test('before it was opened it did not exist, and what lies ahead nobody knows', async () => {
    const asked = async (asOf: string) => {
      const { status, json } = await ask(gateway, `/quota?as_of=${encodeURIComponent(asOf)}`, { key: customer.key });
      return [status, json.error.code, json.error.param];
    };
    expect(await asked('2020-01-01T00:00:00Z')).toEqual([404, 'not_there_then', 'as_of']);
    expect(await asked(inDays(1))).toEqual([400, 'invalid_request', 'as_of']);
    expect(await asked('999999999999')).toEqual([400, 'invalid_request', 'as_of']);
    for (const wrong of ['yesterday', '2026-02-30T00:00:00Z', '2026-03-01', '-1', '1.5'])
      expect(await asked(wrong)).toEqual([400, 'invalid_request', 'as_of']);
  });

  test('an account that is none is 404, and its figures are for the administration alone', async () => {
    expect((await admin('nobodyatall/balance')).json.error).toMatchObject({ code: 'account_not_found', param: 'user_id' });
    expect((await admin('No/lots')).status).toBe(404);
    const { status } = await ask(gateway, `/api/v3/admin/accounts/${customer.userId}/lots`, { key: customer.key });
    expect(status).toBe(401);
  });
});

describe('its lots', () => {
  test('in the order in which they pay, each with what it is', async () => {
    const { json } = await admin(`${customer.userId}/lots?${fresh()}`);
    expect(json.data.map((lot: Json) => [lot.lot_id, lot.kind, lot.status, lot.burn_down_place, lot.granted])).toEqual([
      ['lot-2', 'promo', 'eligible', 1, '2'],
      ['lot-3', 'promo', 'eligible', 2, '5'],
      ['lot-1', 'top_up', 'eligible', 3, '3'],
      ['lot-4', 'top_up', 'eligible', 4, '1'],
    ]);
    expect((await admin(`${customer.userId}/lots?status=expired`)).json.data).toEqual([]);
    const then = (await admin(`${customer.userId}/lots?as_of=${written[0]}`)).json.data;
    expect(then.map((lot: Json) => [lot.lot_id, lot.remaining])).toEqual([
      ['lot-2', '2'],
      ['lot-1', '3'],
    ]);
    const { status, json: refused } = await admin(`${customer.userId}/lots?status=lost`);
    expect([status, refused.error.param]).toEqual([400, 'status']);
  });

  test('who misspells what is asked is not told of today', async () => {
    for (const [path, param] of [
      ['lots?as_off=1', 'as_off'],
      ['lots?as_of[]=1', 'as_of[]'],
      ['balance?asof=1', 'asof'],
      ['balance?as_of=1&as_of=2', 'as_of'],
    ] as const) {
      const { status, json } = await admin(`${customer.userId}/${path}`);
      expect([path, status, json.error.param]).toEqual([path, 400, param]);
    }
    const { status } = await ask(gateway, '/api/v3/auth/lots?as_off=1', { key: customer.key });
    expect(status).toBe(400);
    // Clients that are not ours may send what they like.
    expect((await ask(gateway, '/quota?v=1', { key: customer.key })).status).toBe(200);
  });
});

describe('what expires', () => {
  test('within any window, and what of it unused at a given rate', async () => {
    const week = await own(`/api/v3/auth/expiring-credits?${fresh()}`);
    expect(week.lots.map((lot: Json) => lot.lot_id)).toEqual(['lot-2']);
    expect(week.expiring_credits).toBeCloseTo(2, 4);
    expect(week.expiring_credits).toBe((await own(`/api/v3/auth/credit-balance?${fresh()}`)).expiring_credits);
    const { json } = await admin(`${customer.userId}/expiring-credits?days=30&rate=0.5&${fresh()}`);
    const [soon, later] = json.lots;
    // Half a credit a day: 1.5 of the first lot in three days, then 8.5 of the second one would be spent in 17.
    expect(Number(soon.expected_to_expire)).toBeCloseTo(0.5, 3);
    expect(later.expected_to_expire).toBe('0');
    expect(json.forecast.spending_per_day).toBe('0.5');
    const idle = (await admin(`${customer.userId}/expiring-credits?days=30&rate=0`)).json;
    expect(idle.forecast.expected_to_expire).toBe(idle.expiring_credits);
  });

  test.each([
    ['days=0', 'days'],
    ['days=3651', 'days'],
    ['days=7&until=2030-01-01T00:00:00Z', 'until'],
    ['until=soon', 'until'],
    ['rate=-1', 'rate'],
    ['rate=1&rate_days=2', 'rate'],
    ['rate_days=91', 'rate_days'],
    ['window=7', 'window'],
    ['as_of=never', 'as_of'],
    ['min_position=x', 'min_position'],
  ])('a question that is none names the parameter: %s', async (query, param) => {
    const { status, json } = await ask(gateway, `/api/v3/auth/expiring-credits?${query}`, { key: customer.key });
    expect([status, json.error.param]).toEqual([400, param]);
  });
});
