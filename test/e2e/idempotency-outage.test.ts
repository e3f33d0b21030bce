/** Without PostgreSQL a named request is refused before anything is done; all others are served as ever. */
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Postgres, startPostgres } from '../../src/embedded/postgres/server.js';
import { type Behaviour, type FakeUpstream, gate, startFakeUpstream } from '../support/fake-upstream.js';
import { ADMIN_TOKEN, type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { ask, chat, chatPath, DIALECTS } from './http.js';

let dataDir: string;
let postgres: Postgres;
let upstream: FakeUpstream;
let gateway: Gateway;
let customer: Customer;
const behaviours = new Map<string, Behaviour>();

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'idempotency-postgres-'));
  // Run by root, PostgreSQL has an account of its own, which has to pass through.
  await chmod(dataDir, 0o755);
  postgres = await startPostgres({ dataDir });
  upstream = await startFakeUpstream({ behaviour: ({ messages }) => behaviours.get(String(messages.at(-1)?.content)) });
  gateway = await startGateway({ upstream, env: { DATABASE_URL: postgres.url } });
  customer = await gateway.admin.openCustomer();
});

afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
  await postgres?.close();
  await rm(dataDir, { recursive: true, force: true, maxRetries: 10 });
});

/** Events that the store has taken so far. */
async function eventsWritten(): Promise<number> {
  const { text } = await ask(gateway, '/metrics');
  return Number(/^event_store_events_appended_total (\d+)/m.exec(text)?.[1]);
}

it('refuses what is named and serves what is not; a call under way is served to its end', async () => {
  const headers = { 'idempotency-key': randomUUID() };
  const held = gate();
  behaviours.set('under way', { beforeHeaders: held.opened });
  const underWay = ask(gateway, chatPath('v1'), { key: customer.key, body: chat('under way'), headers });
  await upstream.call(0);

  process.kill(postgres.pid, 'SIGKILL');
  await postgres.exited;
  const events = await eventsWritten();
  const bodies = { username: 'nobody', tier: 'premium' };
  const refused = [
    ...DIALECTS.map((dialect) => ask(gateway, chatPath(dialect), { key: customer.key, body: chat('refused'), headers })),
    ask(gateway, '/api/v3/admin/accounts', { key: ADMIN_TOKEN, body: bodies, headers }),
  ];
  for (const { status, json, headers } of await Promise.all(refused)) {
    expect([status, json.error.metadata.reason]).toEqual([503, 'idempotency_unavailable']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect(await eventsWritten()).toBe(events);
  expect(upstream.calls).toHaveLength(1);

  expect((await ask(gateway, chatPath('v1'), { key: customer.key, body: chat('unnamed') })).status).toBe(200);
  expect((await ask(gateway, '/api/v3/admin/accounts', { key: ADMIN_TOKEN, body: bodies })).status).toBe(201);
  held.open();
  const served = await underWay;
  expect([served.status, upstream.calls.length]).toEqual([200, 2]);
});
