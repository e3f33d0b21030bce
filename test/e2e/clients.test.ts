/** OpenAI's own client works unmodified, against both bases. */
import { describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { cost, customer, FIGURES, gateway, MODEL, messages, poor, STRANGER, upstream } from './clients.js';
import { arrayOf, balanceOf, type Json, rejectionOf } from './http.js';

const spent = async () => (await balanceOf(gateway, customer.key)).total_spent;

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

  const askWith = (apiKey: string) =>
    clientWith({ apiKey }).chat.completions.create({ model: MODEL, messages: messages('Hello!') });

  it.each<[string, number, new (...parts: never[]) => Error, string, string | undefined, () => Promise<unknown>]>([
    ['a strange key', 401, OpenAI.AuthenticationError, 'invalid_api_key', undefined, () => askWith(STRANGER)],
    ['no credit', 402, OpenAI.APIError, 'insufficient_credits', undefined, () => askWith(poor.key)],
    ['an unknown model', 400, OpenAI.BadRequestError, 'model_not_found', 'model', () => ask('', { model: 'nobody/nothing' })],
    ['a wrong parameter', 400, OpenAI.BadRequestError, 'invalid_request', 'temperature', () => ask('', { temperature: 3 })],
    ['a model that is not there', 404, OpenAI.NotFoundError, 'model_not_found', 'model', () => client().models.retrieve('none')],
    ['our rate', 429, OpenAI.RateLimitError, 'provider_rate_limited', undefined, () => ask('[[status=429]]')],
    ['a failing provider', 502, OpenAI.InternalServerError, 'provider_unavailable', undefined, () => ask('[[status=500]]')],
  ])('throws its own error for %s', async (_, status, type, text, param, question) => {
    const error = await rejectionOf(question());
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ status, code: base === '/v1' ? text : status, requestID: expect.any(String) });
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
});
