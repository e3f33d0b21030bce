/** What customers pay under concurrency, to the nano-credit: the provider's log at the published prices is the oracle. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { request } from 'undici';
import { type FakeUpstream, gate, startFakeUpstream } from '../support/fake-upstream.js';
import { ADMIN_TOKEN, type Customer, type Gateway, startGateway } from '../support/gateway.js';
import {
  asCredits,
  auditStopped,
  complete,
  costOfCall,
  openConnections,
  publishedPrices,
  quotaOf,
  scaled,
  sumOf,
  until,
  upstreamIdsOf,
} from './traffic.js';

const ACCOUNTS = 50;
const CALLS_PER_ACCOUNT = 20;
/** The second is published here at prices far below a nano-credit, so that almost every cost of it has to be rounded. */
const MODELS = ['openai/gpt-4o-mini', 'test/below-a-nano'];

let upstream: FakeUpstream;
let gateway: Gateway;
/** While set, calls of the provider wait for it. */
let held: Promise<unknown> | undefined;
const customers: Customer[] = [];

beforeAll(async () => {
  upstream = await startFakeUpstream({ behaviour: () => (held === undefined ? {} : { beforeHeaders: held }) });
  gateway = await startGateway({ upstream, env: { LOG_LEVEL: 'warn' } });
  const { statusCode } = await request(`${gateway.url}/api/v3/admin/models/${MODELS[1]}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      name: 'Below a nano-credit',
      context_length: 100_000,
      max_completion_tokens: 10_000,
      prices: {
        prompt: '0.000000000333',
        completion: '0.000000001777',
        input_cache_read: '0.000000000111',
        internal_reasoning: '0.000000002222',
      },
      routes: [{ provider: 'openai', upstream_model: 'below-a-nano' }],
    }),
  });
  expect(statusCode).toBe(200);
});
afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

const openCustomer = async (credits: string | number): Promise<Customer> => {
  const customer = await gateway.admin.openCustomer({ credits });
  customers.push(customer);
  return customer;
};

/** Usage that differs by call, a function of its number alone. */
const directives = (index: number) => {
  const cached = index % 3 === 0 ? ` prompt=${100 + (index % 37)} cached=${index % 97}` : ` prompt=${1 + (index % 211)}`;
  const completion = 1 + ((index * 7919) % 1_000);
  const reasoning = index % 5 === 0 ? ` reasoning=${index % completion}` : '';
  return `[[chunks=${1 + (index % 4)}${cached} completion=${completion}${reasoning}]]`;
};

test('1,000 concurrent calls on 50 accounts cost what the provider reported at the published prices', async () => {
  const agent = openConnections(250);
  const prices = await publishedPrices(gateway);
  const payers = await Promise.all(Array.from({ length: ACCOUNTS }, () => openCustomer(20)));
  const replies = await Promise.all(
    Array.from({ length: ACCOUNTS * CALLS_PER_ACCOUNT }, (_, index) => {
      const prompt = `account=${index % ACCOUNTS} ${directives(index)}`;
      const { key } = payers[index % ACCOUNTS] as Customer;
      return complete(gateway, agent, { key, prompt, model: MODELS[index % 7 < 3 ? 0 : 1] as string, stream: index % 2 === 0 });
    }),
  );
  expect(replies.filter(({ served }) => served === undefined)).toEqual([]);
  expect(upstream.calls).toHaveLength(replies.length);

  const expected = payers.map((_, account) =>
    sumOf(
      upstream.calls
        .filter(({ requestBody }) => String(requestBody.messages[0]?.content).startsWith(`account=${account} `))
        .map((call) => costOfCall(call, prices)),
    ),
  );
  expect(expected.every((cost) => cost > 0n)).toBe(true);
  for (const [account, { key }] of payers.entries()) {
    const used = Number(asCredits(expected[account] as bigint));
    const { body } = await until(
      () => quotaOf(gateway, key),
      (quota) => quota.status === 200 && quota.body.used_quota >= used,
    );
    expect([body.used_quota, body.balance]).toEqual([used, Number(asCredits(20n * 10n ** 9n - (expected[account] as bigint)))]);
  }
});

describe('64 connections spend the last credit', () => {
  const CONNECTIONS = 64;
  const ask = { prompt: 'the last credit [[chunks=1 completion=1]]', maxTokens: 100 };

  test.each([0, 1, 7, 63])('with credit for %i of them', async (fitting) => {
    const agent = openConnections(CONNECTIONS);
    const poor = await openCustomer(0);
    const refusal = await complete(gateway, agent, { ...ask, key: poor.key });
    const hold = scaled(JSON.parse(refusal.body).error.metadata.needed.toFixed(9), 9);
    const { key } = fitting === 0 ? poor : await openCustomer(asCredits(hold * BigInt(fitting)));

    const before = upstream.calls.length;
    const barrier = gate();
    held = barrier.opened;
    const refusedAll = gate();
    let refused = 0;
    const replies = Array.from({ length: CONNECTIONS }, async (_, index) => {
      const reply = await complete(gateway, agent, { ...ask, key, stream: index % 2 === 0 });
      if (reply.status === 402 && ++refused === CONNECTIONS - fitting) refusedAll.open();
      return reply;
    });
    // Those that fit are held at the provider, all at once, until the others have been refused.
    await refusedAll.opened;
    if (fitting > 0) await upstream.call(before + fitting - 1);
    barrier.open();
    held = undefined;
    const statuses = (await Promise.all(replies)).map(({ status }) => status);
    expect([statuses.filter((status) => status === 200).length, statuses.filter((status) => status === 402).length]).toEqual([
      fitting,
      CONNECTIONS - fitting,
    ]);
    expect(upstream.calls.length - before).toBe(fitting);
  });
});

test('every reservation ended once, and the ledger adds up, event by event', async () => {
  const prices = await publishedPrices(gateway);
  expect(await gateway.stop()).toBe(0);
  const audits = await auditStopped(
    gateway.dataDir,
    customers.map(({ userId }) => userId),
  );
  expect(audits.flatMap((audit) => audit.ended('settled'))).toHaveLength(upstream.calls.length);
  expect(audits.flatMap((audit) => [...audit.ended('open'), ...audit.ended('released')])).toEqual([]);
  expect(upstreamIdsOf(audits).sort()).toEqual(upstream.calls.map(({ id }) => id).sort());
  expect(sumOf(audits.map(({ spent }) => spent))).toBe(sumOf(upstream.calls.map((call) => costOfCall(call, prices))));
});
