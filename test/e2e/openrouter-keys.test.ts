/** Keys, managed with a management key as OpenRouter's clients do it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OpenRouter } from '@openrouter/sdk';
import * as errors from '@openrouter/sdk/models/errors';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.js';
import { type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { clearOfMidnight } from '../support/midnight.js';
import { account, done, publishCreditPerToken, spend } from './administration.js';
import { type Asking, ask, chat, type Json, rejectionOf } from './http.js';

await clearOfMidnight();

let upstream: FakeUpstream;
let gateway: Gateway;
let customer: Customer;
let management: { key: string; hash: string };

beforeAll(async () => {
  upstream = await startFakeUpstream();
  gateway = await startGateway({ upstream });
  await publishCreditPerToken(gateway);
  customer = await gateway.admin.openCustomer({ credits: 100 });
  management = (await done(gateway, 'POST', `${customer.userId}/keys`, { name: 'operations', kind: 'management' })) as never;
});

afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

const keys = (path = '', asking: Asking = {}, dialect = 'api/v1') =>
  ask(gateway, `/${dialect}/keys${path}`, { key: management.key, ...asking });
const create = async (body: object): Promise<{ data: Json; key: string }> => {
  const { status, json, text } = await keys('', { body });
  if (status !== 201) throw new Error(`${status} ${text}`);
  return json;
};
const patch = (hash: string, body: object) => keys(`/${hash}`, { method: 'PATCH', body });
const remove = (hash: string) => keys(`/${hash}`, { method: 'DELETE' });
const calls = async (key: string): Promise<number> =>
  (await ask(gateway, '/v1/chat/completions', { key, body: chat('Hello!') })).status;

describe('POST /keys', () => {
  it('issues a key that works at once, and shows it once', async () => {
    const { data, key } = await create({ name: 'worker', limit: 5, limit_reset: 'daily', expires_at: '2099-01-01T00:00:00Z' });
    expect(data).toMatchObject({
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      name: 'worker',
      label: expect.stringContaining('sk-mcp-'),
      disabled: false,
      limit: 5,
      limit_remaining: 5,
      limit_reset: 'daily',
      include_byok_in_limit: false,
      usage: 0,
      usage_daily: 0,
      usage_weekly: 0,
      usage_monthly: 0,
      byok_usage: 0,
      updated_at: null,
      expires_at: '2099-01-01T00:00:00.000Z',
      workspace_id: customer.userId,
    });
    expect(Math.abs(Date.now() - Date.parse(data.created_at))).toBeLessThan(60_000);
    expect(await calls(key)).toBe(200);
    const { json } = await keys(`/${data.hash}`);
    expect(JSON.stringify(json)).not.toContain(key.slice(-20));
  });

  it('issues inference keys only', async () => {
    const { data, key } = await create({ name: 'more', kind: 'management', is_management_key: true });
    expect((await keys('', { key })).status).toBe(403);
    expect((await keys(`/${data.hash}`)).status).toBe(200);
  });

  it.each<[string, object, string]>([
    ['no name', {}, 'name'],
    ['a negative limit', { name: 'n', limit: -1 }, 'limit'],
    ['a limit that is no number', { name: 'n', limit: 'much' }, 'limit'],
    ['a limit finer than a nano-credit', { name: 'n', limit: '0.0000000001' }, 'limit'],
    ['an unknown reset', { name: 'n', limit: 1, limit_reset: 'yearly' }, 'limit_reset'],
    ['a reset without a limit', { name: 'n', limit_reset: 'daily' }, 'limit_reset'],
    ['an end that is not in UTC', { name: 'n', expires_at: '2099-01-01T00:00:00+01:00' }, 'expires_at'],
    ['an end in the past', { name: 'n', expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
    ["somebody else's workspace", { name: 'n', workspace_id: 'other' }, 'workspace_id'],
  ])('refuses %s', async (_, body, param) => {
    const { status, json } = await keys('', { body });
    expect([status, json.error.param, json.error.code]).toEqual([400, param, 400]);
  });

  it('takes a limit of nothing', async () => {
    const { data, key } = await create({ name: 'nothing', limit: 0 });
    expect([data.limit, data.limit_remaining, await calls(key)]).toEqual([0, 0, 402]);
  });

  it('named twice issues one key, and shows it again', async () => {
    const asking = { body: { name: 'named' }, headers: { 'idempotency-key': 'a-key-please' } };
    const first = await keys('', asking);
    const second = await keys('', asking);
    expect([first.status, second.status, second.text]).toEqual([201, 201, first.text]);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    const { json } = await keys();
    expect(json.data.filter(({ name }: Json) => name === 'named')).toHaveLength(1);
    expect((await keys('', { ...asking, body: { name: 'other' } })).status).toBe(422);
  });
});

describe('PATCH /keys/:hash', () => {
  it('disables a key at once, and enables it again', async () => {
    const { data, key } = await create({ name: 'on and off' });
    const off = await patch(data.hash, { disabled: true });
    expect([off.status, off.json.data.disabled, off.json.data.updated_at === null]).toEqual([200, true, false]);
    expect(await calls(key)).toBe(401);
    expect((await patch(data.hash, { disabled: false })).json.data.disabled).toBe(false);
    expect(await calls(key)).toBe(200);
  });

  it('changes name and limits, and keeps what it does not name', async () => {
    const { data } = await create({ name: 'before', limit: 5, limit_reset: 'weekly' });
    expect((await patch(data.hash, { name: 'after' })).json.data).toMatchObject({
      name: 'after',
      limit: 5,
      limit_reset: 'weekly',
    });
    expect((await patch(data.hash, { limit: 7, limit_reset: null })).json.data).toMatchObject({ limit: 7, limit_reset: null });
    expect((await patch(data.hash, { limit: null })).json.data).toMatchObject({
      name: 'after',
      limit: null,
      limit_remaining: null,
    });
    expect((await patch(data.hash, { limit_reset: 'daily' })).json.error.param).toBe('limit_reset');
    expect((await patch(data.hash, { disabled: 'yes' })).json.error.param).toBe('disabled');
  });
});

describe('DELETE /keys/:hash', () => {
  it('ends a key for ever', async () => {
    const { data, key } = await create({ name: 'short-lived' });
    expect((await remove(data.hash)).json).toEqual({ deleted: true });
    expect(await calls(key)).toBe(401);
    expect([(await keys(`/${data.hash}`)).status, (await remove(data.hash)).status]).toEqual([404, 404]);
    expect((await patch(data.hash, { disabled: false })).status).toBe(404);
    expect((await keys('?include_disabled=true')).text).not.toContain(data.hash);
  });
});

describe('GET /keys', () => {
  it('lists the inference keys in the order they were issued, the disabled ones only when asked', async () => {
    const owner = await gateway.admin.openCustomer();
    const { key } = await done(gateway, 'POST', `${owner.userId}/keys`, { name: 'operations', kind: 'management' });
    const names = ['one', 'two', 'three'];
    const made = [];
    for (const name of names) made.push((await keys('', { key, body: { name } })).json.data);
    await keys(`/${made[1].hash}`, { key, method: 'PATCH', body: { disabled: true } });
    const listed = async (query: string) => (await keys(query, { key })).json.data.map(({ name }: Json) => name);
    expect(await listed('')).toEqual(['test', 'one', 'three']);
    expect(await listed('?include_disabled=true')).toEqual(['test', 'one', 'two', 'three']);
    expect(await listed('?offset=2')).toEqual(['three']);
    expect(await listed('?offset=9')).toEqual([]);
    expect((await keys('?offset=-1', { key })).json.error.param).toBe('offset');
    expect((await keys('?include_disabled=maybe', { key })).json.error.param).toBe('include_disabled');
    expect((await keys('', { key }, 'v1')).json).toEqual((await keys('', { key })).json);
  });

  it('shows a hundred at a time', async () => {
    const owner = await gateway.admin.openCustomer();
    const { key } = await done(gateway, 'POST', `${owner.userId}/keys`, { name: 'operations', kind: 'management' });
    await Promise.all(Array.from({ length: 101 }, (_, index) => keys('', { key, body: { name: `k${index}` } })));
    const page = async (offset: number) => (await keys(`?offset=${offset}`, { key })).json.data;
    expect([(await page(0)).length, (await page(100)).length]).toEqual([100, 2]);
  });

  it('counts what each key has spent, at once and exactly', async () => {
    const [one, two] = [await create({ name: 'one', limit: 9 }), await create({ name: 'two' })];
    await spend(gateway, one.key, 3);
    await spend(gateway, one.key, 1);
    await spend(gateway, two.key, 2);
    const figures = ({ usage, usage_daily, usage_weekly, usage_monthly, limit_remaining }: Json) => [
      [usage, usage_daily, usage_weekly, usage_monthly],
      limit_remaining,
    ];
    expect(figures((await keys(`/${one.data.hash}`)).json.data)).toEqual([[4, 4, 4, 4], 5]);
    const { json } = await keys();
    const row = json.data.find(({ hash }: Json) => hash === two.data.hash);
    expect(figures(row)).toEqual([[2, 2, 2, 2], null]);
  });
});

describe('a management key', () => {
  it('manages the keys of its own account, and neither itself nor another of its kind', async () => {
    const stranger = await gateway.admin.openCustomer();
    const { hash: other } = await done(gateway, 'POST', `${customer.userId}/keys`, { name: 'second', kind: 'management' });
    for (const hash of [stranger.hash, management.hash, other, '0'.repeat(64), 'nothing', `${customer.hash}0`]) {
      const answers = [await keys(`/${hash}`), await patch(hash, { name: 'mine' }), await remove(hash)];
      expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
    }
    expect((await keys('?include_disabled=true')).text).not.toContain(management.hash);
    expect(await account(gateway, stranger.userId)).toMatchObject({
      keys: [{ hash: stranger.hash, name: 'test', revoked: false }],
    });
  });

  it('manages nothing once it is revoked', async () => {
    const { key, hash } = await done(gateway, 'POST', `${customer.userId}/keys`, { name: 'third', kind: 'management' });
    expect((await keys('', { key })).status).toBe(200);
    await gateway.admin.revokeKey(customer.userId, hash);
    expect((await keys('', { key })).status).toBe(401);
    expect((await keys('', { key, body: { name: 'n' } })).status).toBe(401);
  });

  it('is asked for: an inference key manages nothing', async () => {
    const asked: [string, Asking][] = [
      ['', {}],
      ['', { body: { name: 'n' } }],
      [`/${customer.hash}`, {}],
      [`/${customer.hash}`, { method: 'PATCH', body: { limit: null } }],
      [`/${customer.hash}`, { method: 'DELETE' }],
    ];
    for (const [path, asking] of asked) {
      const { status, json } = await keys(path, { ...asking, key: customer.key });
      expect([status, json.error.message]).toEqual([403, 'Only management keys can perform this operation']);
    }
    expect(await calls(customer.key)).toBe(200);
  });
});

describe("OpenRouter's client", () => {
  const client = (apiKey = management.key) =>
    new OpenRouter({ apiKey, serverURL: `${gateway.url}/api/v1`, retryConfig: { strategy: 'none' } });

  it('creates, lists, reads, changes and deletes keys', async () => {
    const { apiKeys } = client();
    const { data, key } = await apiKeys.create({
      requestBody: { name: 'sdk', limit: 3, limitReset: 'monthly', expiresAt: new Date('2099-01-01T00:00:00Z') },
    });
    expect(data).toMatchObject({ name: 'sdk', limit: 3, limitReset: 'monthly', disabled: false });
    expect(await calls(key)).toBe(200);
    const { hash } = data;
    expect((await apiKeys.list({ includeDisabled: true, offset: 0 })).data.map((each) => each.hash)).toContain(hash);
    expect((await apiKeys.get({ hash })).data).toMatchObject({ hash, workspaceId: customer.userId });
    const changed = await apiKeys.update({ hash, requestBody: { disabled: true, limit: null } });
    expect(changed.data).toMatchObject({ disabled: true, limit: null, limitReset: null });
    expect(await apiKeys.delete({ hash })).toEqual({ deleted: true });
    expect(await rejectionOf(apiKeys.get({ hash }))).toBeInstanceOf(errors.NotFoundResponseError);
    expect(await rejectionOf(client(customer.key).credits.getCredits())).toBeInstanceOf(errors.ForbiddenResponseError);
  });
});
