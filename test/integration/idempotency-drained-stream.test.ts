/** A provider that goes on billing when its client leaves is read to its end: what it says then is kept for the next request. */
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { readConfiguration } from '../../src/configuration.js';
import { openLog } from '../../src/http/logging.js';
import { Routing } from '../../src/providers/index.js';
import { startServer } from '../../src/server.js';
import { framesIn } from '../e2e/event-stream.js';
import { ask, chat, eventually } from '../e2e/http.js';
import { startTemporaryNode, type TemporaryNode } from '../support/event-store-node.js';
import { type Behaviour, type FakeUpstream, gate, startFakeUpstream } from '../support/fake-upstream.js';
import type { Gateway } from '../support/gateway.js';
import { beforeStop, createDatabase } from '../support/postgres.js';

const ADMIN = '/api/v3/admin/accounts';
const V1 = '/v1/chat/completions';
const ADMIN_TOKEN = 'admin-token-of-the-tests';

let node: TemporaryNode;
let upstream: FakeUpstream;
let app: NestFastifyApplication;
let gateway: Gateway;
let key: string;
const behaviours = new Map<string, Behaviour>();

beforeAll(async () => {
  upstream = await startFakeUpstream({ behaviour: ({ messages }) => behaviours.get(String(messages.at(-1)?.content)) });
  node = await startTemporaryNode();
  const databaseUrl = await createDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'drained-'));
  beforeStop(() => rm(dataDir, { recursive: true }));
  const configuration = readConfiguration({
    PORT: '0',
    DATA_DIR: dataDir,
    OPENAI_API_KEY: 'sk-provider',
    OPENAI_BASE_URL: upstream.url,
  });
  const connections = { eventStoreUrl: node.connectionString, databaseUrl, administrationToken: ADMIN_TOKEN };
  app = await startServer(configuration, connections, openLog('silent'));
  beforeStop(() => app.close());
  // OpenAI stops billing, others do not: everything else about them is alike.
  for (const provider of app.get(Routing).providers) Object.assign(provider, { stopsBillingOnAbort: false });
  gateway = { url: `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}` } as Gateway;
  const administer = async (path: string, body: object) => (await ask(gateway, ADMIN + path, { key: ADMIN_TOKEN, body })).json;
  const { user_id } = await administer('', { username: 'drained', tier: 'enterprise' });
  await administer(`/${user_id}/grants`, { grant_id: 'g', amount: '10', kind: 'top_up' });
  ({ key } = await administer(`/${user_id}/keys`, { name: 'drained' }));
});

afterAll(async () => {
  await upstream?.close();
  await node?.dispose();
});

const spent = async (): Promise<number> => (await ask(gateway, '/quota', { key })).json.used_quota;

/** Streams, and breaks the connection once the provider has the call and, where told, has sent something. */
async function streamAndBreak(prompt: string, headers: Record<string, string> = {}, afterFirst = false): Promise<void> {
  const index = upstream.calls.length;
  const leaving = new AbortController();
  const response = fetch(gateway.url + V1, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(chat(prompt, { stream: true })),
    signal: leaving.signal,
  });
  await upstream.call(index);
  if (afterFirst) await (await response).body?.getReader().read();
  leaving.abort();
  await response.catch(() => undefined);
  for (let round = 0; round < 3; round++) await ask(gateway, '/health/live');
}

test('left before it began, it is given to the next identical request, once', async () => {
  const held = gate();
  const prompt = 'unserved [[chunks=5]]';
  behaviours.set(prompt, { beforeHeaders: held.opened });
  const before = await spent();
  await streamAndBreak(prompt);
  const retry = ask(gateway, V1, { key, body: chat(prompt, { stream: true }) });
  held.open();
  const { status, text, headers } = await retry;
  expect([status, headers.get('idempotent-replayed'), headers.get('content-type')]).toEqual([
    200,
    'true',
    'text/event-stream; charset=utf-8',
  ]);
  expect(text).toMatch(/data: \[DONE\]\n\n$/);
  const cost = framesIn(text).at(-2)?.json.usage.cost;
  await eventually(async () => expect((await spent()) - before).toBeCloseTo(cost, 12));
  expect(upstream.calls).toHaveLength(1);

  const next = await ask(gateway, V1, { key, body: chat(prompt, { stream: true }) });
  expect([next.headers.get('idempotent-replayed'), upstream.calls.length]).toEqual([null, 2]);
});

test('left mid-way under a key, it is given whole', async () => {
  const held = gate();
  const prompt = 'drained [[chunks=5]]';
  behaviours.set(prompt, { beforeChunk: (index) => (index === 2 ? held.opened : undefined) });
  const calls = upstream.calls.length;
  await streamAndBreak(prompt, { 'idempotency-key': 'drained' }, true);
  held.open();
  const again = await eventually(async () => {
    const answer = await ask(gateway, V1, {
      key,
      body: chat(prompt, { stream: true }),
      headers: { 'idempotency-key': 'drained' },
    });
    expect(answer.status).toBe(200);
    return answer;
  });
  expect([again.headers.get('idempotent-replayed'), upstream.calls.length]).toEqual(['true', calls + 1]);
  const frames = framesIn(again.text);
  expect(frames.filter(({ json }) => json?.choices?.[0]?.delta?.content)).toHaveLength(5);
  expect(frames.some(({ json }) => json?.choices?.[0]?.finish_reason === 'stop')).toBe(true);
  expect(frames.at(-1)?.data).toBe('[DONE]');
});
