/** PostgreSQL is killed and stays away for a while: the ledger does not need it, and what does says so and catches up. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type Postgres, startPostgres } from '../../src/embedded/postgres/server.js';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.js';
import { type Gateway, startGateway } from '../support/gateway.js';
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

// A machine under load resets a connection now and then; what was wrong is logged before it is tried again.
jest.retryTimes(2, { logErrorsBeforeRetry: true });

const closings: (() => Promise<unknown>)[] = [];
let upstream: FakeUpstream;
let gateway: Gateway;
let postgres: Postgres;
let dataDir: string;

/** One address for a server that comes back on another port. */
async function startForwarder(port: () => number): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const backend = connect(port(), '127.0.0.1');
    for (const [from, to] of [
      [client, backend],
      [backend, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  closings.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => server.close(closed));
  });
  return (server.address() as { port: number }).port;
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'outage-postgres-'));
  await chmod(dataDir, 0o755);
  closings.push(() => rm(dataDir, { recursive: true, force: true, maxRetries: 10 }));
  postgres = await startPostgres({ dataDir });
  closings.push(() => postgres.close());
  const port = await startForwarder(() => Number(new URL(postgres.url).port));
  upstream = await startFakeUpstream();
  closings.push(() => upstream.close());
  const databaseUrl = Object.assign(new URL(postgres.url), { port: String(port) }).href;
  gateway = await startGateway({ upstream, env: { LOG_LEVEL: 'warn', DATABASE_URL: databaseUrl } });
  closings.push(() => gateway.dispose());
});
afterAll(async () => {
  for (const close of closings.reverse()) await close();
});

test('completions are served and charged without PostgreSQL; balances are refused, and right again afterwards', async () => {
  const agent = openConnections(16);
  const prices = await publishedPrices(gateway);
  const { key, userId } = await gateway.admin.openCustomer();
  const calls = async (count: number) => {
    const asked = Array.from({ length: count }, (_, index) =>
      complete(gateway, agent, { key, prompt: `[[chunks=2 completion=${1 + index}]]`, stream: index % 2 === 0, maxTokens: 500 }),
    );
    return (await Promise.all(asked)).filter(({ served }) => served !== undefined).length;
  };
  const isCharged = () => {
    const cost = Number(asCredits(sumOf(upstream.calls.map((call) => costOfCall(call, prices)))));
    return until(
      () => quotaOf(gateway, key),
      ({ status, body }) => status === 200 && body.used_quota === cost,
    );
  };
  expect(await calls(10)).toBe(10);
  await isCharged();

  for (const _ of ['once', 'and again']) {
    process.kill(postgres.pid, 'SIGKILL');
    await postgres.exited;
    await postgres.close();
    expect(await calls(40)).toBe(40);
    // Nothing that is known to be old is shown as the balance.
    expect((await quotaOf(gateway, key)).status).toBe(503);
    postgres = await startPostgres({ dataDir });
    expect(await calls(10)).toBe(10);
    await isCharged();
  }

  // What came while PostgreSQL was away can be bought with: the ledger alone knows the balance.
  expect(await gateway.stop()).toBe(0);
  const [audit] = await auditStopped(gateway.dataDir, [userId]);
  expect([audit?.ended('settled').length, audit?.ended('open').length]).toEqual([110, 0]);
  expect(audit?.spent).toBe(sumOf(upstream.calls.map((call) => costOfCall(call, prices))));
  await agent.close();
});
