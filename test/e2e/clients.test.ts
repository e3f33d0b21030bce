/** The clients that people already have work unmodified: `openai` against both bases, `@openrouter/sdk` against its own. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OpenRouter } from '@openrouter/sdk';
import * as openRouterErrors from '@openrouter/sdk/models/errors';
import OpenAI from 'openai';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.js';
import { type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { balanceOf, charged, type Json, publishedPrices } from './http.js';

const MODEL = 'openai/gpt-4o-mini';
const STRANGER = 'sk-mcp-nobody00-0123456789abcdefghijklmnop';
const FIGURES = '[[chunks=2 prompt=1003 cached=401 completion=77 reasoning=13]]';

let upstream: FakeUpstream;
let gateway: Gateway;
let customer: Customer;
/** What the figures above cost at the published prices. */
let cost: number;

beforeAll(async () => {
  upstream = await startFakeUpstream();
  gateway = await startGateway({ upstream });
  customer = await gateway.admin.openCustomer({ credits: 1_000 });
  const price = await publishedPrices(gateway, MODEL);
  cost = charged(602n * price.prompt + 401n * price.cached + 77n * price.completion);
});

afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

const messages = (content: string) => [{ role: 'user' as const, content }];
const spent = async () => (await balanceOf(gateway, customer.key)).total_spent;
const arrayOf = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};
const rejectionOf = async (promise: Promise<unknown>): Promise<Json> =>
  promise.then(
    (value) => Promise.reject(new Error(`answered with ${JSON.stringify(value)}`)),
    (error) => error,
  );

describe.each(['/v1', '/api/v1'])('openai at %s', (base) => {
  const clientWith = (options: object) => new OpenAI({ baseURL: gateway.url + base, maxRetries: 0, ...options });
  const client = () => clientWith({ apiKey: customer.key });

  it('completes a chat and is told what it was charged', async () => {
    const before = await spent();
    const completion = await client().chat.completions.create({ model: 'gpt-4o-mini', messages: messages(FIGURES) });
    expect(completion.id).toMatch(/^gen-[0-9a-f]{32}$/);
    expect(completion.model).toBe(MODEL);
    expect(completion.choices[0]?.message.content).toBe('word word ');
    expect(completion.usage).toMatchObject({ prompt_tokens: 1003, completion_tokens: 77, total_tokens: 1080, cost });
    expect(completion.usage?.prompt_tokens_details?.cached_tokens).toBe(401);
    expect(completion.usage?.completion_tokens_details?.reasoning_tokens).toBe(13);
    expect(await spent()).toBeCloseTo(before + cost, 9);
  });

  it('streams a chat and tells the charge in the last chunk alone', async () => {
    const stream = await client().chat.completions.create({ model: MODEL, messages: messages(FIGURES), stream: true });
    const chunks = await arrayOf(stream);
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('word word ');
    expect(chunks.map(({ usage }) => (usage as Json)?.cost)).toEqual([...chunks.slice(1).map(() => undefined), cost]);
    // Who reads `choices[0]` of every chunk, as the documentation's sample does, must not stumble over the last.
    expect(chunks.every(({ choices }) => choices.length === 1)).toBe(true);
  });

  it("streams usage in OpenAI's form to whom asks for it", async () => {
    const stream = await client().chat.completions.create({
      model: MODEL,
      messages: messages(FIGURES),
      stream: true,
      stream_options: { include_usage: true },
    });
    const last = (await arrayOf(stream)).at(-1);
    expect(last?.choices).toEqual([]);
    expect(last?.usage).toMatchObject({ prompt_tokens: 1003, completion_tokens: 77, total_tokens: 1080, cost });
  });

  it('accumulates a stream by its helper', async () => {
    const stream = client().chat.completions.stream({ model: MODEL, messages: messages('[[text=à chunks=3]]') });
    const completion = await stream.finalChatCompletion();
    expect(completion.choices[0]).toMatchObject({ finish_reason: 'stop', message: { role: 'assistant', content: 'ààà' } });
    expect(completion.usage?.completion_tokens).toBe(3);
  });

  it('calls tools and answers with their results', async () => {
    const weather = { type: 'function' as const, function: { name: 'get_weather', parameters: { type: 'object' } } };
    const asked = { role: 'user' as const, content: 'Weather in Zürich? [[tools]]' };
    const first = await client().chat.completions.create({ model: MODEL, messages: [asked], tools: [weather] });
    const [choice] = first.choices;
    expect(choice?.finish_reason).toBe('tool_calls');
    expect(choice?.message.tool_calls).toEqual([
      { id: 'call_0', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Zürich"}' } },
    ]);
    const result = { role: 'tool' as const, tool_call_id: 'call_0', content: '{"celsius":21}' };
    const message = choice?.message as OpenAI.ChatCompletionMessage;
    await client().chat.completions.create({ model: MODEL, messages: [asked, message, result], tools: [weather] });
    expect(upstream.calls.at(-1)?.requestBody).toMatchObject({ tools: [weather], messages: [asked, message, result] });
  });

  it('streams a tool call', async () => {
    const stream = client().chat.completions.stream({
      model: MODEL,
      messages: messages('[[tools]]'),
      tools: [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } }],
    });
    const { choices } = await stream.finalChatCompletion();
    expect(choices[0]?.finish_reason).toBe('tool_calls');
    expect(choices[0]?.message.tool_calls).toMatchObject([
      { id: 'call_0', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Zürich"}' } },
    ]);
  });

  it('lists models and finds one by any of its names', async () => {
    const models = await arrayOf(client().models.list());
    const model = models.find(({ id }) => id === MODEL);
    expect(model).toMatchObject({ object: 'model', owned_by: 'openai', created: expect.any(Number) });
    expect(await client().models.retrieve(MODEL)).toEqual(model);
    expect(await client().models.retrieve('gpt-4o-mini')).toEqual(model);
  });

  it('takes the key as X-API-Key too', async () => {
    const byHeader = clientWith({ apiKey: 'unused', defaultHeaders: { Authorization: null, 'X-API-Key': customer.key } });
    const completion = await byHeader.chat.completions.create({ model: MODEL, messages: messages('Hello!') });
    expect(completion.choices[0]?.message.content).toBe('word word word ');
  });

  const ask = (prompt: string, extra: object = {}) =>
    client().chat.completions.create({ model: MODEL, messages: messages(prompt), ...extra });
  const code = (text: string, status: number) => (base === '/v1' ? text : status);

  it.each([
    ['a strange key', 401, OpenAI.AuthenticationError, 'invalid_api_key', undefined],
    ['an unknown model', 400, OpenAI.BadRequestError, 'model_not_found', 'model'],
    ['a wrong parameter', 400, OpenAI.BadRequestError, 'invalid_request', 'temperature'],
    ['a provider that limits our rate', 429, OpenAI.RateLimitError, 'provider_rate_limited', undefined],
    ['a provider that fails', 502, OpenAI.InternalServerError, 'provider_unavailable', undefined],
  ])('throws its own error for %s', async (name, status, type, text, param) => {
    const questions: Record<string, () => Promise<unknown>> = {
      'a strange key': () => clientWith({ apiKey: STRANGER }).models.list().constructor && askWith(STRANGER),
      'an unknown model': () => ask('Hello!', { model: 'nobody/nothing' }),
      'a wrong parameter': () => ask('Hello!', { temperature: 3 }),
      'a provider that limits our rate': () => ask('[[status=429]]'),
      'a provider that fails': () => ask('[[status=500]]'),
    };
    const error = await rejectionOf((questions[name] as () => Promise<unknown>)());
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ status, code: code(text, status), requestID: expect.any(String) });
    expect(error.param).toBe(param);
  });

  it('throws when the provider fails in the middle of a stream', async () => {
    const stream = await client().chat.completions.create({
      model: MODEL,
      messages: messages('[[chunks=4 error-after=2]]'),
      stream: true,
    });
    const error = await rejectionOf(arrayOf(stream));
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error.error).toMatchObject({ code: 502, metadata: { error_type: 'provider_unavailable' } });
  });

  const askWith = (apiKey: string) => clientWith({ apiKey }).chat.completions.create({ model: MODEL, messages: messages('Hello!') });
});

describe('@openrouter/sdk', () => {
  const client = (apiKey = customer.key) =>
    new OpenRouter({ apiKey, serverURL: `${gateway.url}/api/v1`, retryConfig: { strategy: 'none' } });
  const send = (content: string, extra: object = {}, apiKey?: string) =>
    client(apiKey).chat.send({ chatRequest: { model: MODEL, messages: messages(content), ...extra } }) as Promise<Json>;

  it('completes a chat and is told what it was charged', async () => {
    const result = await send(FIGURES);
    expect(result).toMatchObject({ id: expect.stringMatching(/^gen-/), object: 'chat.completion', model: MODEL });
    expect(result.choices[0]).toMatchObject({ finishReason: 'stop', message: { role: 'assistant', content: 'word word ' } });
    expect(result.usage).toMatchObject({ promptTokens: 1003, completionTokens: 77, totalTokens: 1080, cost });
    expect(result.usage.promptTokensDetails.cachedTokens).toBe(401);
  });

  it('streams a chat', async () => {
    const chunks = await arrayOf<Json>(await send(FIGURES, { stream: true }));
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('word word ');
    expect(chunks.map(({ usage }) => usage?.cost)).toEqual([...chunks.slice(1).map(() => undefined), cost]);
  });

  it('gets tool calls, at once and in a stream', async () => {
    const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } }];
    const [choice] = (await send('[[tools]]', { tools })).choices;
    expect(choice.message.toolCalls).toMatchObject([{ id: 'call_0', function: { arguments: '{"city":"Zürich"}' } }]);
    const chunks = await arrayOf<Json>(await send('[[tools]]', { tools, stream: true }));
    const parts = chunks.flatMap(({ choices }) => choices[0]?.delta.toolCalls ?? []);
    expect(parts.map((part) => part.function.arguments).join('')).toBe('{"city":"Zürich"}');
  });

  it('gets reasoning, at once and in a stream', async () => {
    const prompt = '[[think=2]]';
    expect((await send(prompt)).choices[0].message.reasoning).toBe('hmm hmm ');
    const chunks = await arrayOf<Json>(await send(prompt, { stream: true }));
    expect(chunks.map(({ choices }) => choices[0]?.delta.reasoning ?? '').join('')).toBe('hmm hmm ');
  });

  it('lists models', async () => {
    const [page] = await arrayOf<Json>(await client().models.list());
    expect(page.result.data.map(({ id }: Json) => id)).toContain(MODEL);
  });

  it.each([
    ['a strange key', 401, openRouterErrors.UnauthorizedResponseError],
    ['too little credit', 402, openRouterErrors.PaymentRequiredResponseError],
    ['an unknown model', 400, openRouterErrors.BadRequestResponseError],
    ['a provider that limits our rate', 429, openRouterErrors.TooManyRequestsResponseError],
    ['a provider that fails', 502, openRouterErrors.BadGatewayResponseError],
    ['a provider that is overloaded', 503, openRouterErrors.ServiceUnavailableResponseError],
  ])('throws its own error for %s', async (name, status, type) => {
    const poor = await gateway.admin.openCustomer({ credits: 0 });
    const questions: Record<string, () => Promise<unknown>> = {
      'a strange key': () => send('Hello!', {}, STRANGER),
      'too little credit': () => send('Hello!', {}, poor.key),
      'an unknown model': () => send('Hello!', { model: 'nobody/nothing' }),
      'a provider that limits our rate': () => send('[[status=429]]'),
      'a provider that fails': () => send('[[status=500]]'),
      'a provider that is overloaded': () => send('[[status=503]]'),
    };
    const error = await rejectionOf((questions[name] as () => Promise<unknown>)());
    expect(error).toBeInstanceOf(type);
    expect(error.statusCode).toBe(status);
    expect(error.error).toMatchObject({ code: status, message: error.message });
  });

  it('reads an error in the middle of a stream', async () => {
    const chunks = await arrayOf<Json>(await send('[[chunks=4 error-after=2]]', { stream: true }));
    expect(chunks.at(-1)).toMatchObject({
      error: { code: 502, metadata: { errorType: 'provider_unavailable' } },
      choices: [{ finishReason: 'error' }],
    });
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('word word ');
  });
});
