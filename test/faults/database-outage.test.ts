/** PostgreSQL is killed and stays away for a while: the ledger does not need it, and what does says so and catches up. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, jest, test } from '@jest/globals';
import { startPostgres } from '../../src/embedded/postgres/server.js';
import { later, start } from '../support/processes.js';
import { startForwarder } from './forwarder.js';
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

/** Its waits are the program's own: half a minute where nothing else runs. */
jest.setTimeout(240_000);

/** The program on a PostgreSQL that can be killed and started again, and one customer of it. */
async function startOnPostgres() {
  const dataDir = later(await mkdtemp(join(tmpdir(), 'outage-postgres-')), (each) =>
    rm(each, { recursive: true, force: true, maxRetries: 10 }),
  );
  await chmod(dataDir, 0o755);
  let postgres = await startPostgres({ dataDir });
  later(dataDir, () => postgres.close());
  const forwarder = await startForwarder(() => Number(new URL(postgres.url).port));
  const databaseUrl = Object.assign(new URL(postgres.url), { port: String(forwarder.port) }).href;
  const { upstream, gateway } = await start({}, { DATABASE_URL: databaseUrl });
  const agent = openConnections(16);
  const prices = await publishedPrices(gateway);
  const { key, userId } = await gateway.admin.openCustomer();
  const cost = () => sumOf(upstream.calls.map((call) => costOfCall(call, prices)));
  return {
    forwarder,
    gateway,
    key,
    userId,
    cost,
    killPostgres: async () => {
      process.kill(postgres.pid, 'SIGKILL');
      await postgres.exited;
      await postgres.close();
    },
    restartPostgres: async () => {
      postgres = await startPostgres({ dataDir });
    },
    /** How many of so many calls at once were served. */
    serve: async (count: number) => {
      const asked = Array.from({ length: count }, (_, index) =>
        complete(gateway, agent, {
          key,
          prompt: `[[chunks=2 completion=${1 + index}]]`,
          stream: index % 2 === 0,
          maxTokens: 500,
        }),
      );
      return (await Promise.all(asked)).filter(({ served }) => served !== undefined).length;
    },
    isCharged: () => {
      const used = Number(asCredits(cost()));
      return until(
        () => quotaOf(gateway, key),
        ({ status, body }) => status === 200 && body.used_quota === used,
      );
    },
  };
}

test('completions are served and charged without PostgreSQL; balances are refused, and right again afterwards', async () => {
  const { gateway, key, userId, cost, killPostgres, restartPostgres, serve, isCharged } = await startOnPostgres();
  expect(await serve(10)).toBe(10);
  await isCharged();
  const firstOutageAt = performance.now();

  for (const _ of ['once', 'and again']) {
    await killPostgres();
    expect(await serve(40)).toBe(40);
    // Nothing that is known to be old is shown as the balance.
    expect((await quotaOf(gateway, key)).status).toBe(503);
    await restartPostgres();
    expect(await serve(10)).toBe(10);
    await isCharged();
  }

  // A program that asks again and again says so once, and later now and then.
  const saysOfTheQueue = (what: string) => gateway.stderr.split('\n').filter((line) => line.includes(`the job queue is ${what}`));
  await until(
    () => Promise.resolve(saysOfTheQueue('back').length),
    (times) => times > 0,
  );
  const linesMax = 1 + Math.floor((performance.now() - firstOutageAt) / 30_000);
  expect(saysOfTheQueue('away').length).toBeGreaterThan(0);
  expect(saysOfTheQueue('away').length).toBeLessThanOrEqual(linesMax);
  expect(saysOfTheQueue('back').length).toBeLessThanOrEqual(saysOfTheQueue('away').length);

  // What came while PostgreSQL was away can be bought with: the ledger alone knows the balance.
  expect(await gateway.stop()).toBe(0);
  const [audit] = await auditStopped(gateway.dataDir, [userId]);
  expect([audit?.ended('settled').length, audit?.ended('open').length]).toEqual([110, 0]);
  expect(audit?.spent).toBe(cost());
});

// A busy program reads in one piece that a connection stands and that it ends, before anybody listens for its errors.
test('PostgreSQL dies in the moment in which a connection to it stands: the program goes on', async () => {
  const { forwarder, gateway, key, killPostgres, restartPostgres, serve, isCharged } = await startOnPostgres();
  forwarder.cutAndHold();
  const balance = quotaOf(gateway, key);
  await forwarder.held;
  await killPostgres();
  forwarder.letGo();
  expect((await balance).status).toBe(503);
  expect(await serve(10)).toBe(10);
  await restartPostgres();
  await isCharged();
});
