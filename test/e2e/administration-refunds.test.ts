/** Refunds and disputes over HTTP: what goes where, told once and told again the same. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FakeUpstream, gate, startFakeUpstream } from '../support/fake-upstream.js';
import { type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { account, done, publishCreditPerToken, refused, spend } from './administration.js';
import { ask, balanceOf, chat, eventually, type Json, send } from './http.js';

let upstream: FakeUpstream;
let gateway: Gateway;
/** While set, the provider's answers do not end. */
let held: Promise<unknown> | undefined;

beforeAll(async () => {
  upstream = await startFakeUpstream({ behaviour: () => (held === undefined ? {} : { beforeEnd: held }) });
  // Without the jobs: nobody else writes to an account while it is looked at.
  gateway = await startGateway({ upstream, env: { LOG_LEVEL: 'warn', ROLES: 'api,projections' } });
  await publishCreditPerToken(gateway);
});

afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

/** Asks twice: the second time must answer as the first, and write nothing. */
async function twice(userId: string, method: string, path: string, body: object): Promise<Json> {
  const first = await done(gateway, method, `${userId}${path}`, body);
  const { position } = await account(gateway, userId);
  expect(position).toBe(first.position);
  expect(await done(gateway, method, `${userId}${path}`, body)).toEqual(first);
  expect((await account(gateway, userId)).position).toBe(position);
  return first;
}

const POSITION = expect.stringMatching(/^\d+$/);

describe('G4: 350 of 400 used, the promotion expires, 80 are refunded', () => {
  /** The whole story; undefined where the machine was too slow to use lot A before it expired. */
  async function told(expiresInMs: number, intoExpired?: string): Promise<{ customer: Customer; refund: Json } | undefined> {
    const customer = await gateway.admin.openCustomer({ credits: 0 });
    const expiresAt = Date.now() + expiresInMs;
    const expires = { expires_at: new Date(expiresAt).toISOString() };
    const a = await gateway.admin.grant(customer.userId, { amount: 100, kind: 'promo', priority: 50, ...expires });
    const d = await gateway.admin.grant(customer.userId, { amount: 300, priority: 5, expires_at: '2099-01-01T00:00:00Z' });
    expect([a['lot_id'], d['lot_id']]).toEqual(['lot-1', 'lot-2']);
    const { status, json } = await ask(gateway, '/v1/chat/completions', {
      key: customer.key,
      body: chat('[[prompt=1 completion=350]]', { model: 'test/credit-per-token', max_tokens: 350 }),
    });
    if (status === 402 || Date.now() >= expiresAt) return undefined;
    expect(json.usage.cost).toBe(350);
    await eventually(
      async () => expect(await account(gateway, customer.userId)).toMatchObject({ available: '0' }),
      expiresInMs + 10_000,
    );
    const refund = await twice(customer.userId, 'POST', '/refunds', {
      refund_id: 'f',
      generation_id: json.id,
      amount: '80',
      reason: 'answer cut short',
      ...(intoExpired && { into_expired: intoExpired }),
    });
    return { customer, refund };
  }

  async function toldInTime(intoExpired?: string): Promise<{ customer: Customer; refund: Json }> {
    for (let expiresInMs = 1_500; ; expiresInMs *= 4) {
      const story = await told(expiresInMs, intoExpired);
      if (story) return story;
    }
  }

  it('goes back to the lots in reverse order, and the part of the expired one expires again', async () => {
    const { customer, refund } = await toldInTime();
    expect(refund).toMatchObject({
      refund_id: 'f',
      amount: '80',
      credits: [
        { lot_id: 'lot-1', amount: '50' },
        { lot_id: 'lot-2', amount: '30' },
      ],
      waived: '0',
      regranted: [],
      frozen: [],
    });
    // Nobody had written yet that the other 50 had expired: all that is free in the lot expires.
    expect(refund.expired).toEqual([{ lot_id: 'lot-1', amount: '100' }]);
    const { lots, ...rest } = await account(gateway, customer.userId);
    expect(lots).toMatchObject([{ lot_id: 'lot-2', granted: '300', remaining: '30', held: '0' }]);
    expect(rest).toMatchObject({ available: '30', held: '0', frozen: '0', receivable: '0' });
    // 400 granted = 270 used + 100 breakage + 30 left.
    expect(await balanceOf(gateway, customer.key)).toMatchObject({ current_balance: 30 });
  });

  it('or becomes a lot of its own, where the refund says so', async () => {
    const { customer, refund } = await toldInTime('goodwill');
    expect(refund).toMatchObject({
      amount: '80',
      credits: [{ lot_id: 'lot-2', amount: '30' }],
      regranted: [{ lot_id: 'lot-3', amount: '50' }],
      expired: [],
    });
    expect(await account(gateway, customer.userId)).toMatchObject({ available: '80' });
    expect(await balanceOf(gateway, customer.key)).toMatchObject({ current_balance: 80 });
  });
});

describe('what can be refunded of a generation', () => {
  it('no more than it cost, in parts and in all', async () => {
    const { userId, key } = await gateway.admin.openCustomer({ credits: 10 });
    const generation_id = await spend(gateway, key, 7);
    const refund = (refund_id: string, amount?: string | number) => ({
      refund_id,
      generation_id,
      reason: 'x',
      ...(amount && { amount }),
    });
    expect(await refused(gateway, 'POST', `${userId}/refunds`, refund('a', '7.000000001'))).toEqual([409, 'refund_exceeds_cost']);
    expect(await twice(userId, 'POST', '/refunds', refund('b', 0.000000001))).toMatchObject({ amount: '0.000000001' });
    expect(await twice(userId, 'POST', '/refunds', refund('c'))).toMatchObject({ amount: '6.999999999' });
    expect(await refused(gateway, 'POST', `${userId}/refunds`, refund('d'))).toEqual([409, 'refund_exceeds_cost']);
    expect(await refused(gateway, 'POST', `${userId}/refunds`, refund('c', 1))).toEqual([409, 'refund_conflict']);
    expect(await balanceOf(gateway, key)).toMatchObject({ current_balance: 10, total_spent: 0 });
  });

  it('once, however often it is asked for at the same time', async () => {
    const { userId, key } = await gateway.admin.openCustomer({ credits: 10 });
    const refund = { refund_id: 'r', generation_id: await spend(gateway, key, 7), reason: 'x', amount: 2 };
    const answers = await Promise.all(Array.from({ length: 20 }, () => done(gateway, 'POST', `${userId}/refunds`, refund)));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await account(gateway, userId)).toMatchObject({ available: '5', position: answers[0].position });
  });

  it('nothing of one that was given back, goes on, or is not there', async () => {
    const { userId, key } = await gateway.admin.openCustomer();
    const refuses = (generation_id: string, user = userId) =>
      refused(gateway, 'POST', `${user}/refunds`, { refund_id: 'r', reason: 'x', generation_id });
    const streamed = async (prompt: string): Promise<Response> => {
      const answer = await send(gateway, '/v1/chat/completions', { key, body: chat(prompt, { stream: true }) });
      expect(answer.headers.get('x-generation-id')).toMatch(/^gen-/);
      return answer;
    };
    const idOf = ({ headers }: Response): string => headers.get('x-generation-id') as string;

    const empty = await streamed('[[chunks=0 completion=0 finish=null]]');
    await empty.text();
    expect(await refuses(idOf(empty))).toEqual([409, 'generation_not_charged']);

    const end = gate();
    held = end.opened;
    const running = await streamed('Hello!');
    expect(await account(gateway, userId)).toMatchObject({ open_reservations: 1 });
    expect(await refuses(idOf(running))).toEqual([409, 'generation_not_charged']);
    held = undefined;
    end.open();
    await running.text();
    const refund = { refund_id: 'r', reason: 'x', generation_id: idOf(running) };
    expect(await twice(userId, 'POST', '/refunds', refund)).toMatchObject({ credits: [{ lot_id: 'lot-1' }] });
    expect(await account(gateway, userId)).toMatchObject({ available: '10', open_reservations: 0 });

    expect(await refuses('gen-none')).toEqual([404, 'generation_not_found']);
    const another = await gateway.admin.openCustomer();
    expect(await refuses(await spend(gateway, another.key, 1))).toEqual([404, 'generation_not_found']);
    expect(await refuses(idOf(running), 'nobody00')).toEqual([404, 'account_not_found']);
  });
});

describe('G6: a payment of which 400 were used and 100 paid back is disputed', () => {
  async function disputed(): Promise<Customer> {
    const customer = await gateway.admin.openCustomer({ credits: 0 });
    const { userId, key } = customer;
    const paid = { grant_id: 'g', kind: 'top_up', amount: 1000, payment_id: 'pay-1' };
    expect(await twice(userId, 'POST', '/grants', paid)).toMatchObject({ payment_id: 'pay-1', lot_id: 'lot-1' });
    await spend(gateway, key, 400);
    const cash = await twice(userId, 'POST', '/payments/pay-1/refunds', { refund_id: 'cash', amount: '100' });
    expect(cash).toEqual({
      refund_id: 'cash',
      payment_id: 'pay-1',
      lot_id: 'lot-1',
      amount: '100',
      cash: '100',
      currency: 'USD',
      position: POSITION,
    });
    const dispute = await twice(userId, 'POST', '/disputes', { dispute_id: 'd', payment_id: 'pay-1' });
    const frozen = [{ lot_id: 'lot-1', amount: '500' }];
    expect(dispute).toEqual({ dispute_id: 'd', payment_id: 'pay-1', claimed: '900', frozen, position: POSITION });
    expect(await account(gateway, userId)).toMatchObject({
      available: '0',
      frozen: '500',
      receivable: '0',
      disputes: [{ dispute_id: 'd', payment_id: 'pay-1', lot_id: 'lot-1', claimed: '900', frozen: '500', status: 'open' }],
    });
    expect(await balanceOf(gateway, key)).toMatchObject({ current_balance: 0, total_spent: 400 });
    return customer;
  }

  it('lost: 500 are clawed back and 400 are owed, which the next payment repays', async () => {
    const { userId, key } = await disputed();
    expect(await twice(userId, 'POST', '/disputes/d/close', { outcome: 'lost' })).toEqual({
      dispute_id: 'd',
      outcome: 'lost',
      clawed_back: [{ lot_id: 'lot-1', amount: '500' }],
      receivable: '400',
      position: POSITION,
    });
    expect(await account(gateway, userId)).toMatchObject({ available: '0', frozen: '0', receivable: '400', lots: [] });
    expect(await refused(gateway, 'POST', `${userId}/disputes/d/close`, { outcome: 'won' })).toEqual([409, 'dispute_ended']);
    const again = await gateway.admin.grant(userId, { amount: 450 });
    expect(again).toMatchObject({ lot_id: 'lot-2' });
    expect(await account(gateway, userId)).toMatchObject({ available: '50', receivable: '0' });
    expect(await balanceOf(gateway, key)).toMatchObject({ current_balance: 50 });
  });

  it('won: 500 can be spent again, and nothing is owed', async () => {
    const { userId, key } = await disputed();
    expect(await twice(userId, 'POST', '/disputes/d/close', { outcome: 'won' })).toEqual({
      dispute_id: 'd',
      outcome: 'won',
      unfrozen: [{ lot_id: 'lot-1', amount: '500' }],
      expired: [],
      position: POSITION,
    });
    expect(await account(gateway, userId)).toMatchObject({ available: '500', frozen: '0', receivable: '0' });
    expect(await refused(gateway, 'POST', `${userId}/disputes/d/close`, { outcome: 'lost' })).toEqual([409, 'dispute_ended']);
    expect(await balanceOf(gateway, key)).toMatchObject({ current_balance: 500 });
  });

  it('answers a repeat with what was frozen at first, also when more came back and was frozen since', async () => {
    const { userId, key } = await gateway.admin.openCustomer({ credits: 0 });
    await done(gateway, 'POST', `${userId}/grants`, { grant_id: 'g', kind: 'top_up', amount: 10, payment_id: 'p' });
    const generation_id = await spend(gateway, key, 4);
    const dispute = { dispute_id: 'd', payment_id: 'p' };
    const first = await done(gateway, 'POST', `${userId}/disputes`, dispute);
    expect(first).toMatchObject({ claimed: '10', frozen: [{ lot_id: 'lot-1', amount: '6' }] });
    const refund = await twice(userId, 'POST', '/refunds', { refund_id: 'r', generation_id, amount: 3, reason: 'x' });
    expect(refund).toMatchObject({ credits: [{ lot_id: 'lot-1', amount: '3' }], frozen: [{ lot_id: 'lot-1', amount: '3' }] });
    expect(await done(gateway, 'POST', `${userId}/disputes`, dispute)).toEqual(first);
    expect(await account(gateway, userId)).toMatchObject({ available: '0', frozen: '9' });
  });

  it('is refused where it names what is not there, or claims too much', async () => {
    const { userId } = await gateway.admin.openCustomer({ credits: 0 });
    await done(gateway, 'POST', `${userId}/grants`, { grant_id: 'g', kind: 'top_up', amount: 10, payment_id: 'p' });
    const refuses = (path: string, body: object) => refused(gateway, 'POST', `${userId}${path}`, body);
    expect(await refuses('/disputes', { dispute_id: 'd', payment_id: 'q' })).toEqual([404, 'payment_not_found']);
    expect(await refuses('/disputes', { dispute_id: 'd', payment_id: 'p', amount: 11 })).toEqual([
      409,
      'dispute_exceeds_payment',
    ]);
    expect(await refuses('/disputes/d/close', { outcome: 'won' })).toEqual([404, 'dispute_not_found']);
    expect(await refuses('/payments/q/refunds', { refund_id: 'r' })).toEqual([404, 'payment_not_found']);
    expect(await refuses('/payments/p/refunds', { refund_id: 'r', amount: 11 })).toEqual([409, 'refund_exceeds_unused']);
    const twin = { grant_id: 'h', kind: 'top_up', amount: 10, payment_id: 'p' };
    expect(await refuses('/grants', twin)).toEqual([409, 'payment_conflict']);
  });
});
