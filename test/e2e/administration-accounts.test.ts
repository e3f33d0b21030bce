/** Tiers, keys, adjustments and what is shown of an account, over HTTP. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readConfiguration } from '../../src/configuration.js';
import { type FakeUpstream, gate, startFakeUpstream } from '../support/fake-upstream.js';
import { type Gateway, startGateway } from '../support/gateway.js';
import { account, CREDIT_PER_TOKEN, done, publishCreditPerToken, refused, spend } from './administration.js';
import { ask, balanceOf, chat, type Json } from './http.js';

let upstream: FakeUpstream;
let gateway: Gateway;
/** While set, the provider does not answer. */
let held: Promise<unknown> | undefined;

beforeAll(async () => {
  upstream = await startFakeUpstream({ behaviour: () => (held === undefined ? {} : { beforeHeaders: held }) });
  const env = {
    LOG_LEVEL: 'warn',
    ROLES: 'api,projections',
    RATE_LIMITS: 'free=1,premium=0',
    WELCOME_CREDITS: 'free=1.5, premium=0',
  };
  gateway = await startGateway({ upstream, env });
  await publishCreditPerToken(gateway);
});

afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

const POSITION = expect.stringMatching(/^\d+$/);
const HASH = expect.stringMatching(/^[0-9a-f]{64}$/);
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describe('what is shown of an account', () => {
  it('is all that the next decision needs, and no secret', async () => {
    const { userId, key, hash } = await gateway.admin.openCustomer({
      username: 'acme',
      tier: 'enterprise',
      credits: 0,
      limit: 7,
    });
    await done(gateway, 'POST', `${userId}/grants`, {
      ...{ grant_id: 'bought', kind: 'top_up', amount: 10, payment_id: 'pay:1' },
      ...{ priority: 5, expires_at: '9999-12-31T23:59:59.999Z' },
    });
    await spend(gateway, key, 2);
    const answered = gate();
    held = answered.opened;
    const calls = upstream.calls.length;
    const body = chat('[[prompt=1 completion=3]]', { model: CREDIT_PER_TOKEN, max_tokens: 4 });
    const running = ask(gateway, '/v1/chat/completions', { key, body });
    await upstream.call(calls);
    const shown = await account(gateway, userId);
    expect(shown).toEqual({
      user_id: userId,
      username: 'acme',
      tier: 'enterprise',
      available: '4',
      held: '4',
      frozen: '0',
      receivable: '0',
      lots: [
        {
          lot_id: 'lot-1',
          grant_id: 'bought',
          kind: 'top_up',
          payment_id: 'pay:1',
          granted: '10',
          remaining: '8',
          held: '4',
          frozen: '0',
          priority: 5,
          effective_at: TIME,
          expires_at: '9999-12-31T23:59:59.999Z',
        },
      ],
      keys: [{ hash, name: 'test', limit: '7', limit_reset: null, expires_at: null, spent: '2', held: '4', revoked: false }],
      open_reservations: 1,
      disputes: [],
      position: POSITION,
    });
    expect(JSON.stringify(shown)).not.toContain('sk-mcp');
    held = undefined;
    answered.open();
    expect((await running).json.usage.cost).toBe(3);
    expect(await account(gateway, userId)).toMatchObject({ available: '5', held: '0', open_reservations: 0 });
    expect(await balanceOf(gateway, key)).toMatchObject({ current_balance: 5, total_spent: 5 });
  });

  it('is nothing where there is none', async () => {
    expect(await refused(gateway, 'GET', 'nobody000000')).toEqual([404, 'account_not_found']);
    expect(await refused(gateway, 'GET', '..%2F..')).toEqual([404, 'account_not_found']);
  });
});

describe('tiers', () => {
  it('give what is configured when an account is opened', async () => {
    const free = await gateway.admin.openCustomer({ tier: 'free', credits: 0 });
    expect(await account(gateway, free.userId)).toMatchObject({
      available: '1.5',
      lots: [{ grant_id: 'welcome', kind: 'promo', remaining: '1.5' }],
    });
    expect(await balanceOf(gateway, free.key)).toMatchObject({ current_balance: 1.5, total_earned: 1.5, tier: 'free' });
    for (const tier of ['premium', 'enterprise'])
      expect(await account(gateway, await gateway.admin.openAccount({ tier }))).toMatchObject({ tier, lots: [] });
  });

  it('are changed from the next request on, and the credits stay', async () => {
    const { userId, key } = await gateway.admin.openCustomer({ tier: 'free', credits: 3 });
    const call = () => ask(gateway, '/v1/chat/completions', { key, body: chat('Hello!') });
    expect((await call()).status).toBe(200);
    expect((await call()).status).toBe(429);
    const before = await account(gateway, userId);
    expect(await done(gateway, 'PATCH', userId, { tier: 'premium' })).toEqual({
      user_id: userId,
      tier: 'premium',
      position: POSITION,
    });
    for (let calls = 0; calls < 3; calls++) expect((await call()).status).toBe(200);
    expect(await balanceOf(gateway, key)).toMatchObject({ tier: 'premium', total_earned: 4.5 });
    expect((await account(gateway, userId)).lots).toHaveLength(before.lots.length);
  });

  it('asked for again, nothing happens', async () => {
    const userId = await gateway.admin.openAccount({ tier: 'premium' });
    const { position } = await account(gateway, userId);
    expect(await done(gateway, 'PATCH', userId, { tier: 'premium' })).toMatchObject({ tier: 'premium', position });
    const there = await done(gateway, 'PATCH', userId, { tier: 'internal' });
    const back = await done(gateway, 'PATCH', userId, { tier: 'premium' });
    const thereAgain = await done(gateway, 'PATCH', userId, { tier: 'internal' });
    const positions = [position, there.position, back.position, thereAgain.position].map(BigInt);
    expect([...positions].sort((a, b) => Number(a - b))).toEqual(positions);
    expect(new Set(positions).size).toBe(4);
  });
});

describe('keys', () => {
  it('are given other terms, from the next request on', async () => {
    const { userId, key, hash } = await gateway.admin.openCustomer({ credits: 10, limit: 1 });
    const call = () =>
      ask(gateway, '/v1/chat/completions', {
        key,
        body: chat('[[prompt=1 completion=2]]', { model: CREDIT_PER_TOKEN, max_tokens: 2 }),
      });
    const change = (changes: object) => done(gateway, 'PATCH', `${userId}/keys/${hash}`, changes);
    expect(await call()).toMatchObject({ status: 402, json: { error: { code: 'key_limit_exceeded' } } });

    const terms = { limit: '2.5', limit_reset: 'daily', expires_at: '2099-01-01T00:00:00.000Z' };
    expect(await change(terms)).toEqual({ hash, name: 'test', ...terms, position: POSITION });
    expect((await call()).status).toBe(200);
    expect((await call()).status).toBe(402);
    expect((await account(gateway, userId)).keys).toMatchObject([{ hash, spent: '2', ...terms }]);

    // What is not said stays; null lifts a term, and with the limit its reset.
    expect(await change({ name: 'renamed', limit: null })).toMatchObject({
      ...terms,
      name: 'renamed',
      limit: null,
      limit_reset: null,
    });
    expect((await call()).status).toBe(200);
    const { position } = await account(gateway, userId);
    expect(await change({ name: 'renamed' })).toMatchObject({ name: 'renamed', position });
    expect(await refused(gateway, 'PATCH', `${userId}/keys/${hash}`, { limit_reset: 'daily' })).toEqual([400, 'invalid_request']);
  });

  it('that are revoked stay so, and a hash must be the whole one', async () => {
    const { userId, key, hash } = await gateway.admin.openCustomer();
    const path = `${userId}/keys/${hash}`;
    const almost = `${userId}/keys/${hash.slice(0, -1)}${hash.endsWith('0') ? '1' : '0'}`;
    expect(await refused(gateway, 'DELETE', almost)).toEqual([404, 'key_not_found']);
    expect(await refused(gateway, 'PATCH', almost, { name: 'x' })).toEqual([404, 'key_not_found']);
    expect((await ask(gateway, '/quota', { key })).status).toBe(200);
    const revoked = await done(gateway, 'DELETE', path);
    expect(revoked).toEqual({ deleted: true, position: POSITION });
    expect(await done(gateway, 'DELETE', path)).toEqual(revoked);
    expect((await ask(gateway, '/quota', { key })).status).toBe(401);
    expect(await refused(gateway, 'PATCH', path, { name: 'x' })).toEqual([409, 'key_revoked']);
    expect(await account(gateway, userId)).toMatchObject({ keys: [{ hash, revoked: true }], position: revoked.position });
  });

  it('are issued with the terms that are asked for', async () => {
    const userId = await gateway.admin.openAccount();
    const terms = { name: 'jobs', limit: '0.000000001', limit_reset: 'monthly', expires_at: '2099-12-31T00:00:00.000Z' };
    expect(await done(gateway, 'POST', `${userId}/keys`, terms)).toEqual({
      key: expect.stringMatching(/^sk-mcp-/),
      hash: HASH,
      position: POSITION,
    });
    expect((await account(gateway, userId)).keys).toMatchObject([{ ...terms, spent: '0', held: '0', revoked: false }]);
  });
});

describe('adjustments', () => {
  const signed = { requested_by: 'person:17', approved_by: 'person:4', reason: 'invoice 1001 was entered twice' };

  it('correct several lots at once, and once', async () => {
    const { userId, key } = await gateway.admin.openCustomer({ credits: 0 });
    for (const amount of [10, 20]) await gateway.admin.grant(userId, { amount });
    const lines = [
      { lot_id: 'lot-1', amount: -10 },
      { lot_id: 'lot-2', amount: '0.5' },
    ];
    const asked = { adjustment_id: 'a', lines, ...signed };
    const first = await done(gateway, 'POST', `${userId}/adjustments`, asked);
    expect(first).toEqual({
      adjustment_id: 'a',
      lines: [
        { lot_id: 'lot-1', amount: '-10' },
        { lot_id: 'lot-2', amount: '0.5' },
      ],
      requested_by: 'person:17',
      approved_by: 'person:4',
      position: POSITION,
    });
    expect(await done(gateway, 'POST', `${userId}/adjustments`, asked)).toEqual(first);
    expect(await account(gateway, userId)).toMatchObject({
      available: '20.5',
      lots: [{ lot_id: 'lot-2', granted: '20', remaining: '20.5' }],
      position: first.position,
    });
    expect(await balanceOf(gateway, key)).toMatchObject({ current_balance: 20.5 });
  });

  it('are refused where a lot is not there, has too little, or the same person approves', async () => {
    const { userId } = await gateway.admin.openCustomer({ credits: 3 });
    const refuses = (line: Json, extra: object = {}) =>
      refused(gateway, 'POST', `${userId}/adjustments`, { adjustment_id: 'a', lines: [line], ...signed, ...extra });
    expect(await refuses({ lot_id: 'lot-2', amount: 1 })).toEqual([404, 'lot_not_found']);
    expect(await refuses({ lot_id: 'lot-1', amount: '-3.000000001' })).toEqual([409, 'adjustment_exceeds_free']);
    expect(await refuses({ lot_id: 'lot-1', amount: 1 }, { approved_by: 'person:17' })).toEqual([400, 'invalid_request']);
    await done(gateway, 'POST', `${userId}/adjustments`, {
      adjustment_id: 'a',
      lines: [{ lot_id: 'lot-1', amount: 1 }],
      ...signed,
    });
    expect(await refuses({ lot_id: 'lot-1', amount: 2 })).toEqual([409, 'adjustment_conflict']);
  });
});

it.each(['gold=1', 'free=-1', 'free=1e3', 'free'])('WELCOME_CREDITS cannot be %s', (WELCOME_CREDITS) => {
  expect(() => readConfiguration({ WELCOME_CREDITS })).toThrow(/WELCOME_CREDITS: ".*" is not <tier>=<credits>/);
});
