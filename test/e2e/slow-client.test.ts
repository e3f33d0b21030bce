/** A client that does not read holds the provider back, instead of filling the memory between them. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Call, type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.js';
import { type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { ask, balanceOf, charged, chat, eventually, publishedPrices } from './http.js';

const CHUNKS = 2_000;
/** 64 MiB in all: several times what the sockets of two connections can hold. */
const CHUNK = 'x'.repeat(32 * 1024);
const MODEL = 'openai/gpt-4o-mini';
const PATH = '/v1/chat/completions';
/** Whole calls of another client, in each of which both programs have their turn. */
const CALLS_WITHOUT_PROGRESS = 10;

let upstream: FakeUpstream;
let gateway: Gateway;

beforeAll(async () => {
  upstream = await startFakeUpstream({
    behaviour: ({ stream }) => (stream === true ? { text: CHUNK, chunks: CHUNKS } : undefined),
  });
  gateway = await startGateway({ upstream });
});

afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

/** An answer whose body nobody reads. */
async function openUnread(key: string): Promise<{ answer: IncomingMessage; call: Call }> {
  const before = upstream.calls.length;
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const asking = request(gateway.url + PATH, { method: 'POST', headers });
  asking.end(JSON.stringify(chat('much', { model: MODEL, stream: true })));
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  return { answer, call: await upstream.call(before) };
}

/** Waits until the provider has sent nothing more during several calls of somebody else. */
async function heldBack(call: Call): Promise<void> {
  const other = await gateway.admin.openCustomer();
  await eventually(async () => {
    const sent = call.chunksSent;
    for (let calls = 0; calls < CALLS_WITHOUT_PROGRESS; calls++) {
      expect((await ask(gateway, PATH, { key: other.key, body: chat('hello', { model: MODEL }) })).status).toBe(200);
    }
    expect(sent).toBeGreaterThan(0);
    expect(call.chunksSent).toBe(sent);
  });
}

it('holds the provider back until the client reads on, and loses nothing', async () => {
  const { key } = await gateway.admin.openCustomer();
  const { answer, call } = await openUnread(key);
  await heldBack(call);
  expect(call.endedBy).toBe('open');
  expect(call.chunksSent).toBeLessThan(CHUNKS / 2);

  let contents = 0;
  let tail = '';
  for await (const bytes of answer.setEncoding('utf8') as AsyncIterable<string>) {
    for (let at = bytes.indexOf('x'); at >= 0; at = bytes.indexOf('x', at)) {
      const from = at;
      while (bytes[at] === 'x') at++;
      contents += at - from;
    }
    tail = (tail + bytes).slice(-200);
  }
  expect(contents).toBeGreaterThanOrEqual(CHUNKS * CHUNK.length);
  expect(tail).toMatch(/data: \[DONE\]\n\n$/);
});

it('ends the call of a client that leaves without having read', async () => {
  const customer: Customer = await gateway.admin.openCustomer();
  const { answer, call } = await openUnread(customer.key);
  await heldBack(call);
  answer.destroy();
  expect((await call.ended).endedBy).toBe('client_gone');
  const price = await publishedPrices(gateway, MODEL);
  await eventually(async () => {
    const { current_balance, total_spent } = await balanceOf(gateway, customer.key);
    expect(total_spent).toBeGreaterThan(0);
    // However long the text, no more than the tokens that were paid for in advance.
    expect(total_spent).toBeLessThanOrEqual(charged(1_000n * price.prompt + 16_384n * price.completion));
    expect(current_balance).toBeCloseTo(10 - total_spent, 9);
  });
});
