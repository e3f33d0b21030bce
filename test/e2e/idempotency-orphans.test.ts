/**
 * A client without an Idempotency-Key whose connection breaks before it has its answer asks the same again: it gets the answer
 * that it was charged for, once. Requests whose clients wait are calls of their own.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Behaviour, type Call, type FakeUpstream, gate, startFakeUpstream } from '../support/fake-upstream.js';
import { type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { isContent, openStream } from './event-stream.js';
import { type Answered, type Asking, ask, balanceOf, chat, chatPath, DIALECTS, eventually } from './http.js';

const V1 = chatPath('v1');

let upstream: FakeUpstream;
let gateway: Gateway;
let customer: Customer;
/** How the provider answers a prompt, beyond its directives. */
const behaviours = new Map<string, Behaviour>();

beforeAll(async () => {
  upstream = await startFakeUpstream({ behaviour: ({ messages }) => behaviours.get(String(messages.at(-1)?.content)) });
  gateway = await startGateway({ upstream });
  customer = await gateway.admin.openCustomer();
});

afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

const asking = (prompt: string, extra: object = {}): Asking => ({ key: customer.key, body: chat(prompt, extra) });
const isReplayed = ({ headers }: Answered): boolean => headers.get('idempotent-replayed') === 'true';

/** Asks, and breaks the connection once the provider has the call; the gateway has seen it when this resolves. */
async function askAndBreak(path: string, asked: Asking): Promise<Call> {
  const index = upstream.calls.length;
  const leaving = new AbortController();
  const answer = ask(gateway, path, { ...asked, signal: leaving.signal });
  const call = await upstream.call(index);
  leaving.abort();
  await expect(answer).rejects.toThrow();
  await connectionsEnded();
  return call;
}

/** A whole request that was sent later on another connection has been answered: the gateway has read what came before it. */
async function connectionsEnded(): Promise<void> {
  for (let round = 0; round < 3; round++) expect((await ask(gateway, '/health/live')).status).toBe(200);
}

/** Waits until the account has paid for exactly these calls. */
const paysFor = (...answers: readonly Answered[]) =>
  eventually(async () => {
    const cost = answers.reduce((sum, { json }) => sum + json.usage.cost, 0);
    const { total_spent, current_balance } = await balanceOf(gateway, customer.key);
    expect(total_spent).toBeCloseTo(cost, 12);
    expect(current_balance).toBeCloseTo(10 - cost, 9);
  });

describe.each(DIALECTS)('/%s', (dialect) => {
  const path = chatPath(dialect);
  beforeAll(async () => {
    customer = await gateway.admin.openCustomer();
  });

  it('gives the answer of a call whose client left while it ran, to one request', async () => {
    const prompt = `broke in ${dialect}`;
    const held = gate();
    behaviours.set(prompt, { beforeHeaders: held.opened });
    const { index } = await askAndBreak(path, asking(prompt));
    const retry = ask(gateway, path, asking(prompt));
    held.open();
    const retried = await retry;
    expect([retried.status, isReplayed(retried), upstream.calls.length]).toEqual([200, true, index + 1]);
    expect(retried.headers.get('x-generation-id')).toBe(retried.json.id);
    await paysFor(retried);

    const next = await ask(gateway, path, asking(prompt));
    expect([isReplayed(next), upstream.calls.length]).toEqual([false, index + 2]);
    await paysFor(retried, next);
  });

  it('gives it also after the call has ended, or to the client after that which left as well', async () => {
    const prompt = `broke twice in ${dialect}`;
    const held = gate();
    behaviours.set(prompt, { beforeHeaders: held.opened });
    customer = await gateway.admin.openCustomer();
    const call = await askAndBreak(path, asking(prompt));
    const leaving = new AbortController();
    const second = ask(gateway, path, { ...asking(prompt), signal: leaving.signal });
    await connectionsEnded();
    leaving.abort();
    await expect(second).rejects.toThrow();
    await connectionsEnded();
    held.open();
    await call.ended;
    await eventually(async () => expect((await balanceOf(gateway, customer.key)).total_spent).toBeGreaterThan(0));
    const third = await ask(gateway, path, asking(prompt));
    expect([third.status, isReplayed(third), upstream.calls.length]).toEqual([200, true, call.index + 1]);
    await paysFor(third);
  });
});

it('serves and charges two identical requests whose clients both wait', async () => {
  customer = await gateway.admin.openCustomer();
  const before = upstream.calls.length;
  const held = gate();
  behaviours.set('sampled twice', { beforeHeaders: held.opened });
  const both = [ask(gateway, V1, asking('sampled twice')), ask(gateway, V1, asking('sampled twice'))];
  await upstream.call(before + 1);
  held.open();
  const answers = await Promise.all(both);
  expect(answers.map(isReplayed)).toEqual([false, false]);
  expect(new Set(answers.map(({ json }) => json.id)).size).toBe(2);
  await paysFor(...answers);
});

it('gives a broken call to one of two that ask for it; the other one is a call', async () => {
  customer = await gateway.admin.openCustomer();
  const held = gate();
  behaviours.set('asked by two', { beforeHeaders: held.opened });
  const { index } = await askAndBreak(V1, asking('asked by two'));
  const two = [ask(gateway, V1, asking('asked by two')), ask(gateway, V1, asking('asked by two'))];
  await upstream.call(index + 1);
  held.open();
  const answers = await Promise.all(two);
  expect(answers.map(isReplayed).sort()).toEqual([false, true]);
  expect(upstream.calls).toHaveLength(index + 2);
  await paysFor(...answers);
});

it('gives it to nobody else: another API key, another body, another path', async () => {
  customer = await gateway.admin.openCustomer();
  const other = await gateway.admin.issueKey(customer.userId);
  const held = gate();
  behaviours.set('mine alone', { beforeHeaders: held.opened });
  const { index } = await askAndBreak(V1, asking('mine alone'));
  held.open();
  const others = [
    await ask(gateway, V1, { ...asking('mine alone'), key: other.key }),
    await ask(gateway, V1, asking('mine alone', { temperature: 0.5 })),
    await ask(gateway, chatPath('api/v1'), asking('mine alone')),
  ];
  expect(others.map(isReplayed)).toEqual([false, false, false]);
  expect(upstream.calls).toHaveLength(index + 4);
  const mine = await ask(gateway, V1, asking('mine alone'));
  expect(isReplayed(mine)).toBe(true);
  await paysFor(...others, mine);
});

it('calls anew where the broken call failed', async () => {
  customer = await gateway.admin.openCustomer();
  const held = gate();
  const broken: Behaviour = { beforeHeaders: held.opened, status: 500 };
  behaviours.set('fails', broken);
  const { index } = await askAndBreak(V1, asking('fails'));
  const retry = ask(gateway, V1, asking('fails'));
  await connectionsEnded();
  behaviours.delete('fails');
  held.open();
  const retried = await retry;
  expect([retried.status, isReplayed(retried), upstream.calls.length]).toEqual([200, false, index + 2]);
  await paysFor(retried);
});

it('keeps nothing of an answer that arrived', async () => {
  customer = await gateway.admin.openCustomer();
  const answers = [await ask(gateway, V1, asking('arrives')), await ask(gateway, V1, asking('arrives'))];
  expect(answers.map(isReplayed)).toEqual([false, false]);
  await paysFor(...answers);
});

it('takes the repeat of a stream that broke mid-way for a call of its own', async () => {
  customer = await gateway.admin.openCustomer();
  const prompt = 'stream [[chunks=4]]';
  const held = gate();
  behaviours.set(prompt, { beforeChunk: (index) => (index === 2 ? held.opened : undefined) });
  const index = upstream.calls.length;
  const stream = await openStream(gateway, V1, asking(prompt, { stream: true }));
  await stream.until(isContent);
  stream.leave();
  const call = await upstream.call(index);
  expect((await call.ended).endedBy).toBe('client_gone');
  const broken = await eventually(async () => {
    const { total_spent } = await balanceOf(gateway, customer.key);
    expect(total_spent).toBeGreaterThan(0);
    return total_spent;
  });
  behaviours.delete(prompt);
  const again = await ask(gateway, V1, asking(prompt, { stream: true }));
  expect([again.status, isReplayed(again), upstream.calls.length]).toEqual([200, false, index + 2]);
  expect((await balanceOf(gateway, customer.key)).total_spent).toBeGreaterThan(broken);
});

it('charges nothing for a stream that broke before anything came', async () => {
  customer = await gateway.admin.openCustomer();
  behaviours.set('never began', { beforeHeaders: gate().opened });
  const call = await askAndBreak(V1, asking('never began', { stream: true }));
  expect((await call.ended).endedBy).toBe('client_gone');
  await eventually(async () =>
    expect(await balanceOf(gateway, customer.key)).toEqual(expect.objectContaining({ total_spent: 0, current_balance: 10 })),
  );
});
