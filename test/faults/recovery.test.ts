/** The program is killed in the middle of a call: what it had set aside comes back, once, by whichever process finds it. */
import { rm } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { request } from 'undici';
import { type AccountEvent, accountStream } from '../../src/accounts/domain/accounts.events.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { forkNode, temporaryDirectory } from '../support/event-store-node.js';
import { type Behaviour, gate, startFakeUpstream } from '../support/fake-upstream.js';
import { type Gateway, startGateway } from '../support/gateway.js';
import { createDatabase } from '../support/postgres.js';
import { freeze, later } from '../support/processes.js';
import { complete, openConnections, quotaOf, until } from './traffic.js';

const agentOf = (connections: number) => later(openConnections(connections), (agent) => agent.destroy());

/** Servers that outlive the program, a program that serves calls, and others that only do the jobs. */
async function startProcesses(behaviour: Behaviour, { ttlMs = 3_000, roles = 'api', workers = 2 } = {}) {
  const dataDir = later(await temporaryDirectory(), (each) => rm(each, { recursive: true }));
  let node = await forkNode(dataDir);
  later(dataDir, () => node.kill());
  const env = {
    LOG_LEVEL: 'warn',
    EVENTSTORE_URL: node.connectionString,
    DATABASE_URL: await createDatabase(),
    RESERVATION_TTL_MS: String(ttlMs),
  };
  const upstream = later(await startFakeUpstream({ behaviour: () => behaviour }), (each) => each.close());
  const launch = async (ROLES: string) =>
    later(await startGateway({ upstream, env: { ...env, ROLES } }), (each) => each.dispose());
  const [gateway, ...others] = await Promise.all([
    launch(roles),
    ...Array.from({ length: workers }, () => launch('projections,jobs')),
  ]);
  const store = later(new EventStore(node.connectionString), (each) => each.close());
  const { key, userId } = await gateway.admin.openCustomer({ credits: 10 });
  const facts = async (): Promise<AccountEvent[]> => {
    const events: AccountEvent[] = [];
    for await (const { type, data } of store.read(accountStream(userId))) events.push({ type, data } as AccountEvent);
    return events;
  };
  return {
    upstream,
    gateway,
    others,
    key,
    facts,
    storePid: () => node.process.pid as number,
    /** What it had not read is lost. */
    restartStore: async () => {
      const { port } = node;
      await node.kill();
      node = await forkNode(dataDir, port);
    },
    /** How the reservations of the account ended, whatever they were extended. */
    ends: async () =>
      (await facts()).flatMap(({ type, data }) =>
        type === 'ReservationReleased'
          ? data.reason
          : type === 'ReservationSettled' || type === 'LateSettlementRecorded'
            ? type
            : [],
      ),
  };
}
type Processes = Awaited<ReturnType<typeof startProcesses>>;

const recoveredBy = async ({ url }: Gateway): Promise<number> => {
  const text = await request(`${url}/metrics`).then(({ body }) => body.text());
  return Number(/^reservations_recovered_total\{reason="abandoned"\} (\d+)$/m.exec(text)?.[1] ?? 0);
};

/** The call is given back in full, and by the time that both processes have stopped it has been once. */
async function isGivenBackOnce({ others, key, ends }: Processes): Promise<void> {
  const [other] = others as [Gateway];
  const { body } = await until(
    () => quotaOf(other, key),
    ({ status, body }) => status === 200 && body.balance === 10,
  );
  expect(body.used_quota).toBe(0);
  const recovered = async () => (await Promise.all(others.map(recoveredBy))).reduce((sum, count) => sum + count, 0);
  expect(await until(recovered, (count) => count > 0)).toBe(1);
  expect(await Promise.all(others.map((each) => each.stop()))).toEqual(others.map(() => 0));
  expect(await ends()).toEqual(['abandoned']);
}

test('killed before the provider answers', async () => {
  const processes = await startProcesses({ beforeHeaders: gate().opened });
  const { gateway, upstream, key, ends } = processes;
  const reply = complete(gateway, agentOf(1), { key, prompt: 'hello' });
  reply.catch(() => undefined);
  await upstream.call(0);
  expect(await ends()).toEqual([]);
  await gateway.kill();
  await expect(reply).rejects.toThrow();
  await isGivenBackOnce(processes);
});

test('killed while the provider streams', async () => {
  const processes = await startProcesses({ beforeEnd: gate().opened });
  const { gateway, key } = processes;
  const { body } = await request(`${gateway.url}/v1/chat/completions`, {
    dispatcher: agentOf(1),
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'openai/gpt-4o-mini',
      stream: true,
      messages: [{ role: 'user', content: '[[chunks=3]]' }],
    }),
  });
  const chunks = body[Symbol.asyncIterator]();
  expect(String((await chunks.next()).value)).toContain('data: ');
  await gateway.kill();
  await expect(readToEnd(chunks)).rejects.toThrow();
  await isGivenBackOnce(processes);
});

test('killed when the provider has answered, and the store does not take the charge', async () => {
  const barrier = gate();
  const processes = await startProcesses({ beforeEnd: barrier.opened });
  const { gateway, upstream, key, storePid, restartStore } = processes;
  const reply = complete(gateway, agentOf(1), { key, prompt: '[[chunks=2]]' });
  reply.catch(() => undefined);
  const call = await upstream.call(0);
  freeze(storePid());
  barrier.open();
  await call.ended;
  await gateway.kill();
  await restartStore();
  await isGivenBackOnce(processes);
});

test('a stream that goes on longer than a reservation lasts is extended, and charged at its end', async () => {
  const barrier = gate();
  const { gateway, upstream, key, facts, ends } = await startProcesses(
    { beforeEnd: barrier.opened },
    { ttlMs: 8_000, workers: 1 },
  );
  const reply = complete(gateway, agentOf(1), { key, prompt: '[[chunks=2]]', stream: true });
  await upstream.call(0);
  // The second comes when the time of the reservation itself is over.
  await until(facts, (events) => events.filter(({ type }) => type === 'ReservationExtended').length >= 2);
  barrier.open();
  expect((await reply).served).toBeDefined();
  expect(await ends()).toEqual(['ReservationSettled']);
});

test('a charge that is kept while its reservation becomes overdue is paid by the reservation', async () => {
  const barrier = gate();
  const { gateway, upstream, key, storePid, facts, ends } = await startProcesses(
    { beforeEnd: barrier.opened },
    { roles: 'api,projections,jobs', workers: 1 },
  );
  const reply = complete(gateway, agentOf(1), { key, prompt: '[[chunks=2]]' });
  await upstream.call(0);
  freeze(storePid());
  barrier.open();
  // Given after eight seconds, and overdue after three.
  expect((await reply).served).toBeDefined();
  const settleBy = Date.now();
  process.kill(storePid(), 'SIGCONT');
  await until(ends, (reached) => reached.length > 0);
  expect(await ends()).toEqual(['ReservationSettled']);
  const dues = (await facts()).flatMap(({ type, data }) => (type === 'CreditsReserved' ? Date.parse(data.settleBy) : []));
  expect(dues.length === 1 && (dues[0] as number) < settleBy).toBe(true);
});

async function readToEnd(chunks: AsyncIterator<unknown>): Promise<void> {
  while (!(await chunks.next()).done);
}
