/** The event store freezes under the running program: what was served is charged later, what is new is refused. */
import { expect, test } from '@jest/globals';
import { gate } from '../support/fake-upstream.js';
import { startGateway } from '../support/gateway.js';
import { freeze, later, start } from '../support/processes.js';
import {
  asCredits,
  auditStopped,
  complete,
  costOfCall,
  openConnections,
  publishedPrices,
  quotaOf,
  sumOf,
  until,
} from './traffic.js';

test('frozen: what was served is answered and charged after the thaw, what is new is refused before it costs anything', async () => {
  const barrier = gate();
  const { upstream, gateway } = await start({ behaviour: (_, index) => (index < 4 ? { beforeEnd: barrier.opened } : {}) });
  const { key, userId } = await gateway.admin.openCustomer();
  const prices = await publishedPrices(gateway);
  const agent = openConnections(16);
  const underWay = Promise.all(
    Array.from({ length: 4 }, (_, index) => complete(gateway, agent, { key, prompt: '[[chunks=2]]', stream: index % 2 === 0 })),
  );
  await upstream.call(3);
  const store = gateway.storePid();
  freeze(store);
  barrier.open();
  const refused = await Promise.all([false, true].map((stream) => complete(gateway, agent, { key, prompt: 'new', stream })));
  const replies = await underWay;
  process.kill(store, 'SIGCONT');
  expect(refused.map(({ status, retryAfter }) => [status, Number(retryAfter) > 0])).toEqual(Array(2).fill([503, true]));
  expect(replies.map(({ served }) => served !== undefined)).toEqual(Array(4).fill(true));
  expect(upstream.calls).toHaveLength(4);
  const cost = Number(asCredits(sumOf(upstream.calls.map((call) => costOfCall(call, prices)))));
  await until(
    () => quotaOf(gateway, key),
    ({ status, body }) => status === 200 && body.used_quota === cost,
  );
  expect((await complete(gateway, agent, { key, prompt: 'new' })).status).toBe(200);
  expect(await gateway.stop()).toBe(0);
  const [audit] = await auditStopped(gateway.dataDir, [userId]);
  expect([audit?.ended('settled').length, audit?.ended('open').length, audit?.held]).toEqual([5, 0, 0n]);
});

test('the program is killed while it keeps a charge that the store did not take: its next start charges it, once', async () => {
  const barrier = gate();
  // Only the queue is filled here; what works it off comes with the next start.
  const { upstream, gateway } = await start(
    { behaviour: () => ({ beforeHeaders: barrier.opened }) },
    { ROLES: 'api,projections' },
  );
  const { key, userId } = await gateway.admin.openCustomer();
  const prices = await publishedPrices(gateway);
  const reply = complete(gateway, openConnections(1), { key, prompt: '[[chunks=2]]' });
  await upstream.call(0);
  const store = gateway.storePid();
  freeze(store);
  barrier.open();
  expect((await reply).status).toBe(200);
  const ended = gateway.kill();
  process.kill(store, 'SIGKILL');
  await ended;

  const again = later(await startGateway({ upstream, dataDir: gateway.dataDir, env: { LOG_LEVEL: 'warn' } }), (each) =>
    each.stop(),
  );
  const cost = costOfCall(upstream.calls[0] as (typeof upstream.calls)[0], prices);
  await until(
    () => quotaOf(again, key),
    ({ status, body }) => status === 200 && body.used_quota === Number(asCredits(cost)),
  );
  expect(await again.stop()).toBe(0);
  const [audit] = await auditStopped(gateway.dataDir, [userId]);
  expect([audit?.spent, audit?.held, upstream.calls.length]).toEqual([cost, 0n, 1]);
});
