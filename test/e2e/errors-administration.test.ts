/** The administration API: who may use it, and what it refuses without writing anything. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN_TOKEN, type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { type ExpectedError, expectError, Questions } from './error-bodies.js';
import { type Asking, ask, balanceOf } from './http.js';

const ACCOUNTS = '/api/v3/admin/accounts';
const SECRET = 'canary-of-the-administrator';
const GRANT = { grant_id: 'grant', amount: '5', kind: 'top_up' };

let gateway: Gateway;
let customer: Customer;
const questions = new Questions();

beforeAll(async () => {
  gateway = await startGateway({ env: { LOG_LEVEL: 'trace', ROLES: 'api,projections' } });
  customer = await gateway.admin.openCustomer();
});

afterAll(async () => {
  await gateway?.dispose();
});

/** Events that the store has taken so far. */
async function eventsWritten(): Promise<number> {
  const { text } = await ask(gateway, '/metrics');
  return Number(/^event_store_events_appended_total (\d+)/m.exec(text)?.[1]);
}

/** Asks, and checks that no event was written. */
async function refuses(path: string, asking: Asking, expected: ExpectedError): Promise<void> {
  const events = await eventsWritten();
  expect(events).toBeGreaterThan(0);
  expectError(await questions.ask(gateway, path, asking), 'v1', expected);
  expect(await eventsWritten()).toBe(events);
}

const unauthorized: ExpectedError = {
  status: 401,
  type: 'authentication_error',
  code: 'invalid_api_key',
  message: /ADMIN_TOKEN/,
};
const notFound = (code: string): ExpectedError => ({
  status: 404,
  type: 'not_found_error',
  code,
  message: /./,
  metadata: { error_type: 'not_found' },
});
const invalid = (param: string): ExpectedError => ({
  status: 400,
  type: 'invalid_request_error',
  code: 'invalid_request',
  message: new RegExp(`^"${param}": `),
  param,
  metadata: { error_type: 'invalid_request' },
});

describe('who may use it', () => {
  const paths = (): [string, string][] => [
    ['POST', ACCOUNTS],
    ['POST', `${ACCOUNTS}/${customer.userId}/grants`],
    ['POST', `${ACCOUNTS}/${customer.userId}/keys`],
    ['DELETE', `${ACCOUNTS}/${customer.userId}/keys/${customer.hash}`],
    ['PATCH', `${ACCOUNTS}/${customer.userId}/keys/${customer.hash}`],
    ['GET', `${ACCOUNTS}/${customer.userId}`],
    ['PATCH', `${ACCOUNTS}/${customer.userId}`],
    ['POST', `${ACCOUNTS}/${customer.userId}/refunds`],
    ['POST', `${ACCOUNTS}/${customer.userId}/payments/pay/refunds`],
    ['POST', `${ACCOUNTS}/${customer.userId}/disputes`],
    ['POST', `${ACCOUNTS}/${customer.userId}/disputes/d/close`],
    ['POST', `${ACCOUNTS}/${customer.userId}/adjustments`],
    ['PUT', '/api/v3/admin/models/openai/gpt-4o-mini'],
  ];

  it.each<[string, () => string | undefined]>([
    ['nobody without a token', () => undefined],
    ['nobody with a wrong token', () => SECRET],
    ['nobody with the beginning of the token', () => ADMIN_TOKEN.slice(0, -1)],
    ['no customer', () => customer.key],
  ])('%s', async (_, key) => {
    for (const [method, path] of paths()) {
      await refuses(path, { method, key: key(), ...(!['DELETE', 'GET'].includes(method) && { body: GRANT }) }, unauthorized);
    }
    expect((await ask(gateway, '/quota', { key: customer.key })).status).toBe(200);
  });

  it('not the administrator as a customer', async () => {
    expect((await ask(gateway, '/quota', { key: ADMIN_TOKEN })).status).toBe(401);
  });
});

describe('what it refuses', () => {
  const asAdministrator = (body: unknown): Asking => ({ key: ADMIN_TOKEN, body });

  it.each<[string, unknown]>([
    ['username', {}],
    ['username', { username: '' }],
    ['username', { username: 5 }],
    ['username', { username: 'x'.repeat(201) }],
    ['tier', { username: 'x', tier: SECRET }],
    ['note', { username: 'x', note: SECRET }],
  ])('an account whose %s is wrong: %j', async (param, body) => {
    await refuses(ACCOUNTS, asAdministrator(body), invalid(param));
  });

  it.each<[string, object]>([
    ['grant_id', { grant_id: undefined }],
    ['grant_id', { grant_id: '' }],
    ['grant_id', { grant_id: 'x'.repeat(129) }],
    ['amount', { amount: undefined }],
    ['amount', { amount: 0 }],
    ['amount', { amount: -1 }],
    ['amount', { amount: '-1' }],
    ['amount', { amount: SECRET }],
    ['amount', { amount: '1e3' }],
    ['amount', { amount: '0.0000000001' }],
    ['amount', { amount: 1e-10 }],
    ['amount', { amount: 1e30 }],
    ['kind', { kind: 'gift' }],
    ['priority', { priority: -1 }],
    ['priority', { priority: 0.5 }],
    ['expires_at', { expires_at: 'tomorrow' }],
    ['expires_at', { expires_at: '2026-03-05T00:00:00' }],
    ['expires_at', { expires_at: '2020-01-01T00:00:00Z' }],
    ['expires_at', { expires_at: '2090-01-01T00:00:00Z', effective_at: '2091-01-01T00:00:00Z' }],
  ])('a grant whose %s is wrong: %j', async (param, extra) => {
    await refuses(`${ACCOUNTS}/${customer.userId}/grants`, asAdministrator({ ...GRANT, ...extra }), invalid(param));
  });

  it.each<[string, object]>([
    ['name', { name: undefined }],
    ['name', { name: '' }],
    ['limit', { limit: -1 }],
    ['limit', { limit: 'much' }],
    ['limit_reset', { limit: 1, limit_reset: 'hourly' }],
    ['limit_reset', { limit_reset: 'daily' }],
    ['expires_at', { expires_at: '2020-01-01T00:00:00Z' }],
  ])('a key whose %s is wrong: %j', async (param, extra) => {
    await refuses(`${ACCOUNTS}/${customer.userId}/keys`, asAdministrator({ name: 'x', ...extra }), invalid(param));
  });

  it('another grant under the name of one that was made', async () => {
    const path = `${ACCOUNTS}/${customer.userId}/grants`;
    const made = await questions.ask(gateway, path, asAdministrator({ ...GRANT, grant_id: 'once' }));
    const again = await questions.ask(gateway, path, asAdministrator({ ...GRANT, grant_id: 'once' }));
    expect(again).toMatchObject({ status: made.status, json: made.json });
    await refuses(path, asAdministrator({ ...GRANT, grant_id: 'once', amount: '6' }), {
      status: 409,
      type: 'conflict_error',
      code: 'grant_conflict',
      message: 'Another grant was made as "once"',
      param: 'grant_id',
    });
    expect((await balanceOf(gateway, customer.key)).total_earned).toBe(15);
  });

  it.each(['nobody000000', 'NOBODY', '..%2F..', 'x'.repeat(100)])('an account that is not there: %s', async (account) => {
    await refuses(`${ACCOUNTS}/${account}/grants`, asAdministrator(GRANT), notFound('account_not_found'));
    await refuses(`${ACCOUNTS}/${account}/keys`, asAdministrator({ name: 'x' }), notFound('account_not_found'));
  });

  it('a key that is not there, or none', async () => {
    const revoke = (hash: string, expected: ExpectedError) =>
      refuses(`${ACCOUNTS}/${customer.userId}/keys/${hash}`, { method: 'DELETE', key: ADMIN_TOKEN }, expected);
    await revoke('a'.repeat(64), notFound('key_not_found'));
    await revoke('abc', invalid('hash'));
  });
});

it('tells nobody a token, a key, or what was wrong in their words', async () => {
  await questions.expectNothingTold(gateway, [SECRET, ADMIN_TOKEN, customer.key]);
});
