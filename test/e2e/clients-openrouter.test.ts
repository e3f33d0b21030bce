/** OpenRouter's own client works unmodified, as strict as it is about what it reads. */
import { expect, it } from '@jest/globals';
import { OpenRouter } from '@openrouter/sdk';
import * as errors from '@openrouter/sdk/models/errors';
import { cost, customer, FIGURES, gateway, MODEL, messages, poor, STRANGER } from './clients.js';
import { arrayOf, type Json, rejectionOf } from './http.js';

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

it.each<[string, number, new (...parts: never[]) => Error, () => Promise<unknown>]>([
  ['a strange key', 401, errors.UnauthorizedResponseError, () => send('Hello!', {}, STRANGER)],
  ['no credit', 402, errors.PaymentRequiredResponseError, () => send('Hello!', {}, poor.key)],
  ['an unknown model', 400, errors.BadRequestResponseError, () => send('Hello!', { model: 'nobody/nothing' })],
  ['our rate', 429, errors.TooManyRequestsResponseError, () => send('[[status=429]]')],
  ['a failing provider', 502, errors.BadGatewayResponseError, () => send('[[status=500]]')],
  ['an overloaded provider', 503, errors.ServiceUnavailableResponseError, () => send('[[status=503]]')],
])('throws its own error for %s', async (_, status, type, question) => {
  const error = await rejectionOf(question());
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
