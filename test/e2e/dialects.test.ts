/** The other faces of the pipeline, over real sockets: Anthropic's messages, OpenAI's responses and text completions. */
import { describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { eventsOf, readMessage, readResponse } from '../support/answer-dialects.js';
import { cost, customer, FIGURES, gateway, MODEL, messages, poor, STRANGER, upstream } from './clients.js';
import { arrayOf, ask, balanceOf } from './http.js';

const spent = async () => (await balanceOf(gateway, customer.key)).total_spent;
const WEATHER = { name: 'get_weather', description: 'd', parameters: { type: 'object' } };
const ANTHROPIC_WEATHER = { name: 'get_weather', description: 'd', input_schema: { type: 'object' } };
const asked = (content: string, extra: object = {}) => ({ model: MODEL, max_tokens: 100, messages: messages(content), ...extra });

describe.each(['/v1', '/api/v1'])('%s/messages', (base) => {
  const say = (body: unknown, key = customer.key) => ask(gateway, `${base}/messages`, { headers: { 'x-api-key': key }, body });

  it('answers with a message and what it was charged', async () => {
    const before = await spent();
    const { status, headers, json } = await say(asked(FIGURES));
    expect([status, headers.get('x-generation-id')]).toEqual([200, json.id]);
    expect(json).toMatchObject({
      type: 'message',
      role: 'assistant',
      model: MODEL,
      content: [{ type: 'text', text: 'word word ' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 602, cache_read_input_tokens: 401, cache_creation_input_tokens: 0, output_tokens: 77, cost },
    });
    expect(await spent()).toBeCloseTo(before + cost, 9);
  });

  it('streams the same message', async () => {
    const { text, headers } = await say(asked(FIGURES, { stream: true }));
    expect(headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(readMessage(eventsOf(text))).toMatchObject({
      id: headers.get('x-generation-id'),
      content: [{ type: 'text', text: 'word word ' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 602, cache_read_input_tokens: 401, output_tokens: 77, cost },
    });
  });

  it.each([false, true])('calls tools and takes their results, streamed: %p', async (stream) => {
    const question = { role: 'user', content: 'Weather in Zürich? [[tools]]' };
    const extra = { tools: [ANTHROPIC_WEATHER], tool_choice: { type: 'any' }, stream };
    const first = await say({ ...asked(''), messages: [question], ...extra });
    const message = stream ? readMessage(eventsOf(first.text)) : first.json;
    expect(message).toMatchObject({ stop_reason: 'tool_use' });
    const [call] = message.content;
    expect(call).toEqual({ type: 'tool_use', id: 'call_0', name: 'get_weather', input: { city: 'Zürich' } });
    const result = { type: 'tool_result', tool_use_id: 'call_0', content: '21 degrees' };
    const conversation = [question, { role: 'assistant', content: message.content }, { role: 'user', content: [result] }];
    expect((await say({ ...asked(''), messages: conversation, tools: [ANTHROPIC_WEATHER] })).status).toBe(200);
    expect(upstream.calls.at(-1)?.requestBody).toMatchObject({
      tools: [{ type: 'function', function: WEATHER }],
      messages: [
        question,
        { role: 'assistant', content: null, tool_calls: [{ id: 'call_0', function: { arguments: '{"city":"Zürich"}' } }] },
        { role: 'tool', tool_call_id: 'call_0', content: '21 degrees' },
      ],
    });
  });

  it('tells errors in Anthropic’s form', async () => {
    const strange = await say(asked('Hi'), STRANGER);
    const unpaid = await say(asked('Hi'), poor.key);
    const wrong = await say({ model: MODEL, messages: messages('Hi') });
    const tool = await say(asked('Hi', { tools: [{ type: 'bash_20250124', name: 'bash' }] }));
    const limited = await say(asked('[[status=429]]'));
    const uncounted = await ask(gateway, `${base}/messages/count_tokens`, { key: customer.key, body: asked('Hi') });
    const told = [strange, unpaid, wrong, tool, limited, uncounted].map(({ status, json }) => [
      status,
      json.type,
      json.error.type,
    ]);
    expect(told).toEqual([
      [401, 'error', 'authentication_error'],
      [402, 'error', 'billing_error'],
      [400, 'error', 'invalid_request_error'],
      [400, 'error', 'invalid_request_error'],
      [429, 'error', 'rate_limit_error'],
      [501, 'error', 'api_error'],
    ]);
    expect([wrong.json.error.message, tool.json.error.message]).toEqual([
      expect.stringContaining('"max_tokens"'),
      expect.stringContaining('"tools[0].type"'),
    ]);
  });

  it('tells a break within the stream', async () => {
    const { text } = await say(asked('[[chunks=3 cut-after=1]]', { stream: true }));
    expect(eventsOf(text).at(-1)).toMatchObject({ event: 'error', data: { error: { type: 'api_error' } } });
  });

  it('answers once to a named request that is repeated', async () => {
    const headers = { 'x-api-key': customer.key, 'idempotency-key': `messages${base}` };
    const once = await ask(gateway, `${base}/messages`, { headers, body: asked(FIGURES) });
    const before = await spent();
    const again = await ask(gateway, `${base}/messages`, { headers, body: asked(FIGURES) });
    expect([again.text, again.headers.get('idempotent-replayed')]).toEqual([once.text, 'true']);
    expect(await spent()).toBe(before);
  });
});

describe.each(['/v1', '/api/v1'])('openai at %s', (base) => {
  const client = () => new OpenAI({ baseURL: gateway.url + base, maxRetries: 0, apiKey: customer.key });
  const tools = [{ type: 'function' as const, ...WEATHER, strict: false }];

  it('gets a response and what it was charged', async () => {
    const before = await spent();
    const response = await client().responses.create({ model: MODEL, input: FIGURES, metadata: { a: 'b' } });
    expect(response).toMatchObject({
      object: 'response',
      status: 'completed',
      model: MODEL,
      metadata: { a: 'b' },
      output_text: 'word word ',
      usage: {
        input_tokens: 1003,
        input_tokens_details: { cached_tokens: 401 },
        output_tokens: 77,
        output_tokens_details: { reasoning_tokens: 13 },
        total_tokens: 1080,
        cost,
      },
    });
    expect(await spent()).toBeCloseTo(before + cost, 9);
  });

  it('accumulates a stream of a response by its helper', async () => {
    const final = await client().responses.stream({ model: MODEL, input: FIGURES }).finalResponse();
    expect(final).toMatchObject({ status: 'completed', output_text: 'word word ', usage: { total_tokens: 1080, cost } });
  });

  it('calls tools and takes their results', async () => {
    const question = { role: 'user' as const, content: 'Weather in Zürich? [[tools]]' };
    const { output } = await client().responses.create({ model: MODEL, input: [question], tools });
    expect(output).toMatchObject([
      { type: 'function_call', call_id: 'call_0', name: 'get_weather', arguments: '{"city":"Zürich"}' },
    ]);
    const result = { type: 'function_call_output' as const, call_id: 'call_0', output: '21 degrees' };
    await client().responses.create({ model: MODEL, input: [question, ...output, result] as never, tools });
    expect(upstream.calls.at(-1)?.requestBody['messages']).toMatchObject([
      question,
      { role: 'assistant', tool_calls: [{ id: 'call_0' }] },
      { role: 'tool', tool_call_id: 'call_0', content: '21 degrees' },
    ]);
    const streamed = await client()
      .responses.stream({ model: MODEL, input: [question], tools })
      .finalResponse();
    expect(streamed.output).toMatchObject([{ type: 'function_call', arguments: '{"city":"Zürich"}' }]);
  });

  it('is told that nothing is stored, and of a break within the stream', async () => {
    const stateful = client().responses.create({ model: MODEL, input: 'Hi', previous_response_id: 'resp_1' });
    await expect(stateful).rejects.toMatchObject({ status: 400 });
    const body = { model: MODEL, input: '[[chunks=3 cut-after=1]]', stream: true };
    const { text } = await ask(gateway, `${base}/responses`, { key: customer.key, body });
    expect(readResponse(eventsOf(text)).last).toMatchObject({ status: 'failed', error: { code: 'server_error' } });
  });

  it('completes a text, at once and streamed', async () => {
    const completion = await client().completions.create({ model: MODEL, prompt: FIGURES });
    expect(completion).toMatchObject({
      object: 'text_completion',
      choices: [{ text: 'word word ', index: 0, logprobs: null, finish_reason: 'stop' }],
      usage: { total_tokens: 1080, cost },
    });
    const chunks = await arrayOf(await client().completions.create({ model: MODEL, prompt: FIGURES, stream: true }));
    expect(chunks.map(({ choices }) => choices[0]?.text).join('')).toBe('word word ');
    expect(chunks.at(-1)?.usage).toMatchObject({ total_tokens: 1080, cost });
  });
});
