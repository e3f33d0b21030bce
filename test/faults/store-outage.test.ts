/** The event store dies under the running program: nothing acknowledged is lost, nothing is paid twice. */
import { rm } from 'node:fs/promises';
import { expect, jest, test } from '@jest/globals';
import { request } from 'undici';
import { forkNode, temporaryDirectory } from '../support/event-store-node.js';
import { gate } from '../support/fake-upstream.js';
import { freeze, isRunning, later, start } from '../support/processes.js';
import {
  asCredits,
  auditAt,
  auditStopped,
  complete,
  costOfCall,
  openConnections,
  publishedPrices,
  quotaOf,
  type Reply,
  sumOf,
  until,
  upstreamIdsOf,
} from './traffic.js';

/** Its waits are the program's own: half a minute where nothing else runs. */
jest.setTimeout(240_000);

/** Calls in the order of their numbers, at most `connections` at a time. */
async function load(calls: number, connections: number, call: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const client = async () => {
    while (next < calls) await call(next++);
  };
  await Promise.all(Array.from({ length: connections }, client));
}

test('killed three times under load: it recovers by itself, and every answer is paid for exactly once', async () => {
  const CALLS = 2_000;
  const { upstream, gateway } = await start();
  const agent = openConnections(32);
  const prices = await publishedPrices(gateway);
  const customers = await Promise.all(Array.from({ length: 8 }, () => gateway.admin.openCustomer({ credits: 100 })));
  const replies: Reply[] = [];
  const killed: number[] = [];
  await load(CALLS, 32, async (index) => {
    if (index === 400 || index === 900 || index === 1_400) {
      killed.push(gateway.storePid());
      process.kill(gateway.storePid(), 'SIGKILL');
    }
    const { key } = customers[index % customers.length] as (typeof customers)[0];
    const prompt = `[[chunks=${1 + (index % 3)} prompt=${1 + (index % 211)} completion=${1 + ((index * 31) % 500)}]]`;
    replies.push(await complete(gateway, agent, { key, prompt, stream: index % 2 === 0 }));
  });
  expect(new Set(killed).size).toBe(3);
  expect(replies.filter(({ status, served, retryAfter }) => served === undefined && !(status === 503 && retryAfter))).toEqual([]);
  const served = replies.flatMap((reply) => reply.served ?? []);
  expect(served.length).toBeGreaterThan(CALLS / 2);

  expect(await gateway.stop()).toBe(0);
  const audits = await auditStopped(
    gateway.dataDir,
    customers.map(({ userId }) => userId),
  );
  const settled = audits.flatMap((audit) => audit.ended('settled')).map(({ reservationId }) => reservationId);
  expect(new Set(settled)).toEqual(new Set(served));
  expect(upstreamIdsOf(audits).sort()).toEqual(upstream.calls.map(({ id }) => id).sort());
  expect(audits.flatMap((audit) => [...audit.ended('open'), ...audit.ended('released')])).toEqual([]);
  expect(sumOf(audits.map(({ spent }) => spent))).toBe(sumOf(upstream.calls.map((call) => costOfCall(call, prices))));
});

test('killed while the provider answers: the answer is served and charged', async () => {
  const barrier = gate();
  const { upstream, gateway } = await start({ behaviour: () => ({ beforeEnd: barrier.opened }) });
  const { key, userId } = await gateway.admin.openCustomer();
  const prices = await publishedPrices(gateway);
  const agent = openConnections(8);
  const replies = Promise.all(
    Array.from({ length: 8 }, (_, index) => complete(gateway, agent, { key, prompt: '[[chunks=2]]', stream: index % 2 === 0 })),
  );
  await upstream.call(7);
  process.kill(gateway.storePid(), 'SIGKILL');
  barrier.open();
  expect((await replies).map(({ served }) => served !== undefined)).toEqual(Array(8).fill(true));
  const cost = Number(asCredits(sumOf(upstream.calls.map((call) => costOfCall(call, prices)))));
  await until(
    () => quotaOf(gateway, key),
    ({ status, body }) => status === 200 && body.used_quota === cost,
  );
  expect(await gateway.stop()).toBe(0);
  const [audit] = await auditStopped(gateway.dataDir, [userId]);
  expect(audit?.ended('settled')).toHaveLength(8);
});

test.each([false, true])(
  'an answer waits for its charge, which is on disk in the moment of the answer (stream: %s)',
  async (stream) => {
    const barrier = gate();
    const { upstream, gateway } = await start({ behaviour: () => ({ beforeEnd: barrier.opened }) });
    const { key, userId } = await gateway.admin.openCustomer();
    const store = gateway.storePid();
    let answered = false;
    const reply = complete(gateway, openConnections(1), { key, prompt: 'the last word', stream }).finally(() => {
      answered = true;
    });
    const call = await upstream.call(0);
    freeze(store);
    barrier.open();
    await call.ended;
    // Turns of the program in which it could have answered.
    for (let turn = 0; turn < 20; turn++) await request(`${gateway.url}/health/live`).then(({ body }) => body.dump());
    expect(answered).toBe(false);
    process.kill(store, 'SIGCONT');
    const { served } = await reply;
    const ended = gateway.kill();
    process.kill(store, 'SIGKILL');
    await ended;
    await until(
      async () => isRunning(store),
      (running) => !running,
    );
    const [audit] = await auditStopped(gateway.dataDir, [userId]);
    expect(audit?.ended('settled').map(({ reservationId }) => reservationId)).toEqual([served]);
  },
);

test('down: a new call is refused with 503 and Retry-After, and no provider hears of it', async () => {
  const dataDir = later(await temporaryDirectory(), (each) => rm(each, { recursive: true }));
  const node = await forkNode(dataDir);
  const { upstream, gateway } = await start({}, { EVENTSTORE_URL: node.connectionString });
  const { key, userId } = await gateway.admin.openCustomer();
  const agent = openConnections(8);
  expect((await complete(gateway, agent, { key, prompt: 'before' })).status).toBe(200);
  await node.kill();
  const refused = await Promise.all(
    [false, true, false].map((stream) => complete(gateway, agent, { key, prompt: 'down', stream })),
  );
  expect(refused.map(({ status, retryAfter }) => [status, Number(retryAfter) > 0])).toEqual(Array(3).fill([503, true]));
  expect(upstream.calls).toHaveLength(1);
  later(await forkNode(dataDir, node.port), (each) => each.kill());
  expect((await complete(gateway, agent, { key, prompt: 'after' })).status).toBe(200);
  const [audit] = await auditAt(node.connectionString, [userId]);
  expect([audit?.ended('settled').length, audit?.reservations.size]).toEqual([2, 2]);
});
