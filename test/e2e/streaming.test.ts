/** A stream reaches the client as the provider sends it, and ends with what it was charged. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { type Behaviour, type FakeUpstream, gate, startFakeUpstream } from '../support/fake-upstream.js';
import { type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { contentsOf, type Frame, isContent, openStream, type StreamedChat } from './event-stream.js';
import { ask, balanceOf, charged, chat, eventually, publishedPrices } from './http.js';

const MODEL = 'openai/gpt-4o-mini';
const PATH = '/v1/chat/completions';
const TEXTS = ['Zürich ', '日本', '語', ' 🦊', '👩‍👩‍👧', '\u2028', '\\n"\n\t', 'e\u0301', '', 'data: [DONE]\n\n', ' end'];
const KEEP_ALIVE_MS = 10_000;

let upstream: FakeUpstream;
let gateway: Gateway;
/** How the provider answers a prompt, beyond its directives. */
const behaviours = new Map<string, Behaviour>();
let silent: { readonly stream: Promise<StreamedChat>; readonly goOn: () => void };

beforeAll(async () => {
  upstream = await startFakeUpstream({ behaviour: ({ messages }) => behaviours.get(String(messages.at(-1)?.content)) });
  gateway = await startGateway({ upstream });
  const waiting = gate();
  behaviours.set('be silent', { beforeChunk: () => waiting.opened });
  const { key } = await gateway.admin.openCustomer();
  // Begun before all other tests and read after them: a keep-alive takes its time.
  silent = { stream: stream(key, 'be silent'), goOn: waiting.open };
});

afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

function stream(key: string, prompt: string, extra: object = {}): Promise<StreamedChat> {
  return openStream(gateway, PATH, { key, body: chat(prompt, { model: MODEL, stream: true, ...extra }) });
}

/** What a call costs by the published prices. */
async function costOf(promptTokens: number, completionTokens: number): Promise<number> {
  const price = await publishedPrices(gateway, MODEL);
  return charged(BigInt(promptTokens) * price.prompt + BigInt(completionTokens) * price.completion);
}

/** Tokens of a prompt that no provider has counted, with the overhead of OpenAI's chat template for one message. */
const estimatedPrompt = (prompt: string): number => countTokens(prompt) + 3 + 3;

/** The provider's call for a prompt, once it has arrived there. */
const callFor = (prompt: string) =>
  eventually(() => {
    const call = upstream.calls.find(({ requestBody }) => requestBody.messages.at(-1)?.content === prompt);
    if (call === undefined) throw new Error(`no call has arrived for ${prompt}`);
    return call;
  });

/** Waits until the account has been charged this much and nothing is set aside any more. */
const settlesAt = (customer: Customer, spent: number) =>
  eventually(async () => {
    const { current_balance, total_earned, total_spent } = await balanceOf(gateway, customer.key);
    expect(total_spent).toBe(spent);
    expect(current_balance).toBeCloseTo(total_earned - spent, 9);
  });

describe('what is relayed', () => {
  let key: string;
  beforeAll(async () => {
    key = (await gateway.admin.openCustomer()).key;
  });

  it('arrives while the provider is still at work', async () => {
    const second = gate();
    behaviours.set('two words', { text: ['first', 'second'], beforeChunk: (index) => (index === 1 ? second.opened : undefined) });
    const answer = await stream(key, 'two words');
    expect((await answer.until(isContent)).json.choices[0].delta.content).toBe('first');
    expect((await callFor('two words')).endedBy).toBe('open');
    second.open();
    expect(contentsOf(await answer.rest())).toEqual(['second']);
  });

  it.each<[string, Behaviour]>([
    ['byte by byte', { bytesPerWrite: 1 }],
    ['in pieces of seven bytes', { bytesPerWrite: 7 }],
    ['cut within characters and line ends', { splitAt: [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987] }],
    ['with carriage returns', { lineEnd: '\r\n' }],
    ['with carriage returns byte by byte', { lineEnd: '\r\n', bytesPerWrite: 1 }],
    ['between comments', { comments: true }],
    ['several events at a time', { eventsPerWrite: 4 }],
    ['all events at once', { eventsPerWrite: 1_000 }],
  ])('is the same text where the provider sends it %s', async (name, behaviour) => {
    behaviours.set(name, { text: TEXTS, ...behaviour });
    const frames = await (await stream(key, name)).rest();
    expect(contentsOf(frames)).toEqual(TEXTS.filter((text) => text !== ''));
    expect(frames.at(-1)?.data).toBe('[DONE]');
  });

  it('relays one huge event whole', async () => {
    const text = '☃'.repeat(1_000_000);
    behaviours.set('huge', { text: [text] });
    expect(contentsOf(await (await stream(key, 'huge')).rest()).join('') === text).toBe(true);
  });

  it("names our generation in every frame, and nothing that is the provider's own", async () => {
    const answer = await stream(key, 'hello');
    const id = answer.headers.get('x-generation-id');
    expect(id).toMatch(/^gen-[0-9a-f]{32}$/);
    expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const frames = await answer.rest();
    const chunks = frames.slice(0, -1).map(({ json }) => json);
    const created = chunks[0].created;
    for (const chunk of chunks) {
      expect(chunk).toMatchObject({ id, object: 'chat.completion.chunk', created, model: MODEL, provider: 'OpenAI' });
    }
    expect(JSON.stringify(frames)).not.toMatch(/chatcmpl|obfuscation|2024-07-18|"usage":null|"tool_calls":null/);
  });

  it.each([
    ['who asks for nothing', {}, [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]],
    ['who asks for usage', { stream_options: { include_usage: true } }, []],
  ])('tells the usage once, right before the end, to %s', async (_, extra, choices) => {
    const frames = await (await stream(key, '[[prompt=120 completion=45]]', extra)).rest();
    expect(frames.map(({ json }) => json?.usage !== undefined)).toEqual(frames.map((_frame, at) => at === frames.length - 2));
    expect(frames.at(-2)?.json.choices).toEqual(choices);
    expect(frames.at(-2)?.json.usage).toMatchObject({
      prompt_tokens: 120,
      completion_tokens: 45,
      total_tokens: 165,
      cost: await costOf(120, 45),
    });
    expect(frames.at(-1)?.data).toBe('[DONE]');
  });
});

describe('what is charged', () => {
  let customer: Customer;
  beforeAll(async () => {
    customer = await gateway.admin.openCustomer();
  });
  const usageOf = (frames: readonly Frame[]) => frames.at(-2)?.json.usage;

  it('is settled before the end is told', async () => {
    const owner = await gateway.admin.openCustomer();
    await (await stream(owner.key, '[[prompt=10 completion=20]]')).rest();
    const cost = await costOf(10, 20);
    expect(await balanceOf(gateway, owner.key)).toMatchObject({ total_spent: cost, current_balance: 10 - cost });
  });

  it('is estimated where the provider reports nothing', async () => {
    behaviours.set('count for yourself', { text: ['Counted ', 'by a ', 'tokenizer.'], usageReports: 0 });
    const usage = usageOf(await (await stream(customer.key, 'count for yourself')).rest());
    const prompt = estimatedPrompt('count for yourself');
    const completion = countTokens('Counted by a tokenizer.');
    expect(usage).toMatchObject({ prompt_tokens: prompt, completion_tokens: completion, cost: await costOf(prompt, completion) });
  });

  it('is the last report where there are several', async () => {
    const chunk = (rest: object) =>
      `data: ${JSON.stringify({ id: 'chatcmpl-two', object: 'chat.completion.chunk', ...rest })}\n\n`;
    const report = (prompt_tokens: number, completion_tokens: number) =>
      chunk({ choices: [], usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens } });
    behaviours.set('report twice', {
      contentType: 'text/event-stream',
      body: `${chunk({ choices: [{ index: 0, delta: { content: 'x' }, finish_reason: 'stop' }] })}${report(5, 1)}${report(50, 10)}data: [DONE]\n\n`,
    });
    const frames = await (await stream(customer.key, 'report twice')).rest();
    expect(usageOf(frames)).toMatchObject({ prompt_tokens: 50, completion_tokens: 10, cost: await costOf(50, 10) });
    expect(frames.filter(({ json }) => json?.usage !== undefined)).toHaveLength(1);
  });

  it.each(['finish=null', 'finish=null no-usage', 'finish=error'])(
    'is nothing where nothing was served: %s',
    async (directives) => {
      const prompt = `[[chunks=0 completion=0 ${directives}]]`;
      const before = await balanceOf(gateway, customer.key);
      const frames = await (await stream(customer.key, prompt)).rest();
      expect(usageOf(frames)).toMatchObject({ completion_tokens: 0, cost: 0 });
      const { json } = await ask(gateway, PATH, { key: customer.key, body: chat(prompt, { model: MODEL }) });
      expect(json.usage).toMatchObject({ completion_tokens: 0, cost: 0 });
      expect(await balanceOf(gateway, customer.key)).toEqual(before);
    },
  );
});

describe('a client that leaves', () => {
  it('is charged for what was generated until then', async () => {
    const customer = await gateway.admin.openCustomer();
    const third = gate();
    const prompt = 'leave in the middle';
    behaviours.set(prompt, {
      text: ['Once upon ', 'a time ', 'never'],
      beforeChunk: (at) => (at === 2 ? third.opened : undefined),
    });
    const answer = await stream(customer.key, prompt);
    await answer.until(({ json }) => json?.choices[0]?.delta.content === 'a time ');
    answer.leave();
    expect((await (await callFor(prompt)).ended).endedBy).toBe('client_gone');
    await settlesAt(customer, await costOf(estimatedPrompt(prompt), countTokens('Once upon a time ')));
  });

  it('is charged for a JSON answer, which cannot be called off', async () => {
    const customer = await gateway.admin.openCustomer();
    const end = gate();
    const prompt = 'leave without a stream';
    behaviours.set(prompt, { beforeEnd: end.opened, usage: { promptTokens: 30, completionTokens: 40 } });
    const leaving = new AbortController();
    const body = chat(prompt, { model: MODEL });
    const answer = ask(gateway, PATH, { key: customer.key, body, signal: leaving.signal });
    const call = await callFor(prompt);
    leaving.abort();
    await expect(answer).rejects.toThrow();
    end.open();
    expect((await call.ended).endedBy).toBe('complete');
    await settlesAt(customer, await costOf(30, 40));
  });

  it.each<[string, (waiting: Promise<void>) => Behaviour]>([
    ['before the provider has answered', (waiting) => ({ beforeHeaders: waiting })],
    ['before the first word', (waiting) => ({ beforeChunk: () => waiting })],
  ])('is charged nothing %s', async (prompt, behaviour) => {
    const customer = await gateway.admin.openCustomer();
    behaviours.set(prompt, behaviour(gate().opened));
    const leaving = new AbortController();
    const body = chat(prompt, { model: MODEL, stream: true });
    const answer = ask(gateway, PATH, { key: customer.key, body, signal: leaving.signal });
    const call = await callFor(prompt);
    expect((await balanceOf(gateway, customer.key)).current_balance).toBeLessThan(10);
    leaving.abort();
    await expect(answer).rejects.toThrow();
    expect((await call.ended).endedBy).toBe('client_gone');
    await settlesAt(customer, 0);
  });
});

it(
  'sends a comment while the provider is silent',
  async () => {
    const answer = await silent.stream;
    const { comment } = await answer.until((frame) => frame.comment !== undefined);
    expect(comment).toBe('OPENROUTER PROCESSING');
    silent.goOn();
    const frames = await answer.rest();
    expect(contentsOf(frames)).toHaveLength(3);
    expect(frames.at(-1)?.data).toBe('[DONE]');
  },
  KEEP_ALIVE_MS + 20_000,
);
