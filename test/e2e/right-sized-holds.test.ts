/** How much is set aside for an answer whose length its caller has not limited, and what ends it. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Behaviour, type FakeUpstream, gate, startFakeUpstream } from '../support/fake-upstream.js';
import { ADMIN_TOKEN, type Gateway, startGateway } from '../support/gateway.js';
import { contentsOf, finishOf, isContent, openStream } from './event-stream.js';
import { ask, balanceOf, chat } from './http.js';

const V1 = '/v1/chat/completions';
/** Of a token of the answers below; their prompts are free. */
const PRICE = 0.00001;
const DEFAULT_TOKENS = 1_000;

let upstream: FakeUpstream;
let gateway: Gateway;
const behaviours = new Map<string, Behaviour>();

beforeAll(async () => {
  upstream = await startFakeUpstream({ behaviour: ({ messages }) => behaviours.get(String(messages.at(-1)?.content)) });
  gateway = await startGateway({ upstream });
  await publish('talkative', {});
  await publish('thoughtful', { reasoning: { control: 'effort' } });
});
afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

async function publish(slug: string, extra: object): Promise<void> {
  const answer = await ask(gateway, `/api/v3/admin/models/test/${slug}`, {
    method: 'PUT',
    key: ADMIN_TOKEN,
    body: {
      name: slug,
      context_length: 100_000,
      max_completion_tokens: 50_000,
      default_completion_tokens: DEFAULT_TOKENS,
      tokenizer: 'GPT',
      prices: { prompt: '0', completion: String(PRICE) },
      routes: [{ provider: 'openai', upstream_model: 'gpt-4o' }],
      ...extra,
    },
  });
  expect(answer.status).toBe(200);
}

const callOf = (prompt: string) => upstream.calls.findLast(({ requestBody }) => requestBody.messages.at(-1)?.content === prompt);
const asking = (prompt: string, extra: object = {}) => chat(prompt, { model: 'test/talkative', ...extra });

describe('an answer without a limit', () => {
  test('is held for by the default of its model, and no more is asked of the provider', async () => {
    const { key } = await gateway.admin.openCustomer();
    const prompt = 'at once [[chunks=5]]';
    const answer = await ask(gateway, V1, { key, body: asking(prompt) });
    expect(answer.json.usage.cost).toBeCloseTo(5 * PRICE, 12);
    expect(callOf(prompt)?.requestBody['max_tokens']).toBe(DEFAULT_TOKENS);
  });

  test('asks for what is left where the account cannot hold the default', async () => {
    const { key } = await gateway.admin.openCustomer({ credits: 700 * PRICE });
    const prompt = 'for the rest [[chunks=5]]';
    expect((await ask(gateway, V1, { key, body: asking(prompt) })).status).toBe(200);
    expect(callOf(prompt)?.requestBody['max_tokens']).toBe(700);
  });

  test('is refused where what is left is too little to begin with', async () => {
    const { key } = await gateway.admin.openCustomer({ credits: 100 * PRICE });
    const answer = await ask(gateway, V1, { key, body: asking('too little') });
    expect([answer.status, answer.json.error.metadata.affordable_completion_tokens]).toEqual([402, 100]);
  });

  test('has more held for it while it is streamed, and goes on to its end', async () => {
    const { key } = await gateway.admin.openCustomer({ credits: 1 });
    const prompt = 'a long story [[chunks=3000]]';
    const held = gate();
    behaviours.set(prompt, { beforeChunk: (index) => (index === 2_500 ? held.opened : undefined) });
    const stream = await openStream(gateway, V1, { key, body: asking(prompt, { stream: true }) });
    let seen = 0;
    while (seen < 2_500) {
      await stream.until(isContent);
      seen += 1;
    }
    expect(callOf(prompt)?.requestBody).not.toHaveProperty('max_tokens');
    expect((await balanceOf(gateway, key)).current_balance).toBeLessThanOrEqual(1 - 2_500 * PRICE);
    held.open();
    const frames = await stream.rest();
    expect(finishOf(frames)).toBe('stop');
    expect(await balanceOf(gateway, key)).toMatchObject({ current_balance: 0.97, total_spent: 0.03 });
  });

  test('ends as if at its limit where the money ends, and costs no more than there was', async () => {
    const credits = 0.026;
    const { key } = await gateway.admin.openCustomer({ credits });
    const prompt = 'a story without an end [[chunks=20000]]';
    behaviours.set(prompt, { beforeChunk: (index) => (index === 5_000 ? gate().opened : undefined) });
    const stream = await openStream(gateway, V1, { key, body: asking(prompt, { stream: true }) });
    const frames = await stream.rest();
    expect(finishOf(frames)).toBe('length');
    expect(frames.at(-1)?.data).toBe('[DONE]');
    expect((await callOf(prompt)?.ended)?.endedBy).toBe('client_gone');
    const told = contentsOf(frames).length;
    const { current_balance, total_spent } = await balanceOf(gateway, key);
    expect(current_balance).toBeGreaterThanOrEqual(0);
    expect(current_balance + total_spent).toBeCloseTo(credits, 9);
    // Each piece of the story is a token, but for one at a seam: what was told is what was paid for.
    expect(total_spent).toBeCloseTo(told * PRICE, 4);
    expect(told).toBeGreaterThan(2_000);
  });

  test('goes out with its limit where the model thinks: what it thinks is not seen as it comes', async () => {
    const { key } = await gateway.admin.openCustomer();
    const prompt = 'thinking [[chunks=5]]';
    const stream = await openStream(gateway, V1, { key, body: asking(prompt, { model: 'test/thoughtful', stream: true }) });
    await stream.rest();
    expect(callOf(prompt)?.requestBody['max_tokens']).toBe(DEFAULT_TOKENS);
  });
});

test('a limit of the caller is sent as it is, and held for', async () => {
  const { key } = await gateway.admin.openCustomer({ credits: 50 * PRICE });
  const prompt = 'short [[chunks=5]]';
  const stream = await openStream(gateway, V1, { key, body: asking(prompt, { stream: true, max_tokens: 50 }) });
  await stream.rest();
  expect(callOf(prompt)?.requestBody['max_tokens']).toBe(50);
  const refused = await ask(gateway, V1, { key, body: asking('long', { max_tokens: 51 }) });
  expect(refused.status).toBe(402);
});

test('a quote says what would be held, and holds nothing', async () => {
  const { key } = await gateway.admin.openCustomer({ credits: 1 });
  const calls = upstream.calls.length;
  const { status, json } = await ask(gateway, '/v1/quote', { key, body: asking('how much?', { max_tokens: 200 }) });
  expect([status, json.data]).toEqual([
    200,
    expect.objectContaining({
      model: 'test/talkative',
      provider: 'OpenAI',
      price_version: 'test/talkative@1',
      reserve: 200 * PRICE,
      completion_tokens_max: 200,
      open_ended: false,
      available: 1,
      affordable: true,
      affordable_completion_tokens: 200,
      fallbacks: [],
    }),
  ]);
  expect(upstream.calls).toHaveLength(calls);
  expect(await balanceOf(gateway, key)).toMatchObject({ current_balance: 1, total_spent: 0 });
});

describe('embeddings', () => {
  const embed = (key: string, extra: object = {}) =>
    ask(gateway, '/v1/embeddings', { key, body: { model: 'text-embedding-3-small', input: ['one', 'two'], ...extra } });

  test('are charged by the provider’s own figures', async () => {
    const { key } = await gateway.admin.openCustomer({ credits: 1 });
    const { status, json } = await embed(key);
    expect([status, json.object, json.data.length, json.data[1].index]).toEqual([200, 'list', 2, 1]);
    expect(json.usage.prompt_tokens).toBeGreaterThan(0);
    expect((await balanceOf(gateway, key)).total_spent).toBeCloseTo(json.usage.cost, 12);
  });

  test('come as base64 where they are asked for so', async () => {
    const { key } = await gateway.admin.openCustomer({ credits: 1 });
    const floats = (await embed(key)).json.data[0].embedding as number[];
    const bytes = Buffer.from((await embed(key, { encoding_format: 'base64' })).json.data[0].embedding, 'base64');
    expect(bytes.length).toBe(4 * floats.length);
    expect(bytes.readFloatLE(0)).toBeCloseTo(floats[0] as number, 6);
  });

  test('are made by models that make them, and completions by the others', async () => {
    const { key } = await gateway.admin.openCustomer({ credits: 1 });
    expect((await embed(key, { model: 'gpt-4o-mini' })).json.error).toMatchObject({ code: 'wrong_endpoint', param: 'model' });
    const chatted = await ask(gateway, V1, { key, body: chat('hello', { model: 'text-embedding-3-small' }) });
    expect(chatted.json.error).toMatchObject({ code: 'wrong_endpoint', param: 'model' });
    expect((await embed(key, { input: [] })).json.error).toMatchObject({ code: 'invalid_request', param: 'input' });
  });
});
