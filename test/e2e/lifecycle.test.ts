/** The program starts, stops and starts again on what it has kept; a wrong configuration is told, not tried. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type FakeUpstream, gate, startFakeUpstream } from '../support/fake-upstream.js';
import { type Gateway, startGateway } from '../support/gateway.js';
import { contentsOf, isContent, openStream } from './event-stream.js';
import { ask, balanceOf, chat, eventually } from './http.js';

const PATH = '/v1/chat/completions';

let upstream: FakeUpstream;
const second = gate();
const started: Gateway[] = [];

beforeAll(async () => {
  upstream = await startFakeUpstream({
    behaviour: ({ stream }) =>
      stream === true ? { text: ['before ', 'after'], beforeChunk: (at) => (at === 1 ? second.opened : undefined) } : undefined,
  });
});

afterAll(async () => {
  for (const gateway of started) await gateway.dispose();
  await upstream?.close();
});

async function start(dataDir?: string): Promise<Gateway> {
  const gateway = await startGateway({ upstream, ...(dataDir !== undefined && { dataDir }) });
  started.push(gateway);
  return gateway;
}

it('names what is wrong in its configuration, without the value', async () => {
  const wrong = startGateway({ env: { RATE_LIMITS: 'gold=many', DATABASE_URL: 'mysql://user:password@host' } });
  const message = await wrong.then(
    () => 'it started',
    (error: Error) => error.message,
  );
  expect(message).toMatch(/ended before it was ready \(exit code 1\)/);
  expect(message).toMatch(/DATABASE_URL: must begin with postgres:/);
  expect(message).toMatch(/RATE_LIMITS: /);
  expect(message).not.toContain('password');
});

it('keeps keys and balances over a kill, and a charge that it has told', async () => {
  const first = await start();
  const { key } = await first.admin.openCustomer();
  const { json } = await ask(first, PATH, { key, body: chat('hello') });
  const before = await balanceOf(first, key);
  expect(before.total_spent).toBe(json.usage.cost);
  await first.kill();

  const again = await start(first.dataDir);
  expect(again.pid).not.toBe(first.pid);
  expect(again.storePid()).not.toBe(again.pid);
  expect(await balanceOf(again, key)).toEqual(before);
  expect((await ask(again, PATH, { key, body: chat('hello') })).status).toBe(200);
  expect(await again.stop()).toBe(0);
});

it('finishes and charges an answer under way before it stops', async () => {
  const gateway = await start();
  const { key } = await gateway.admin.openCustomer();
  const answer = await openStream(gateway, PATH, { key, body: chat('hello', { stream: true }) });
  await answer.until(isContent);
  const stopped = gateway.stop();
  await eventually(() => expect(gateway.stdout).toContain('SIGTERM: finishing what is under way'));
  second.open();
  const frames = await answer.rest();
  expect(contentsOf(frames)).toEqual(['after']);
  const { cost } = frames.at(-2)?.json.usage ?? {};
  expect(frames.at(-1)?.data).toBe('[DONE]');
  expect(await stopped).toBe(0);

  const again = await start(gateway.dataDir);
  expect((await balanceOf(again, key)).total_spent).toBe(cost);
});
