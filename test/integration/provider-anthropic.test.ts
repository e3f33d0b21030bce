import { afterEach, describe, expect, test } from '@jest/globals';
import { anthropicWire } from '../../src/providers/anthropic/anthropic-wire.js';
import { HttpProvider } from '../../src/providers/http/http-provider.js';
import type { ChatCall, ChatMessage, ChatObject, ChatSink, ProviderError, ReportedUsage } from '../../src/providers/provider.js';
import { type AnthropicBehaviour, type FakeAnthropic, startFakeAnthropic } from '../support/fake-anthropic.js';
import { framesOf } from '../support/fake-anthropic-answer.js';
import { signatureOf } from '../support/fake-anthropic-rules.js';

const KEY = 'sk-ant-canary-3f9a1c77e0b2';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function upstream(behaviour?: AnthropicBehaviour | ((index: number) => AnthropicBehaviour)): Promise<FakeAnthropic> {
  const fake = await startFakeAnthropic({
    apiKey: KEY,
    behaviour: (_, index) => (typeof behaviour === 'function' ? behaviour(index) : behaviour),
  });
  closing.push(() => fake.close());
  return fake;
}

function provider({ url }: Pick<FakeAnthropic, 'url'>, apiKey = KEY): HttpProvider {
  const settings = { id: 'anthropic', name: 'Anthropic', apiKey, baseUrl: url, connectTimeoutMs: 5_000, idleTimeoutMs: 5_000 };
  const made = new HttpProvider(settings, anthropicWire);
  closing.push(() => made.close());
  return made;
}

const callOf = (messages: readonly ChatMessage[], more: Partial<ChatCall> & { asked?: object } = {}): ChatCall => ({
  upstreamModel: 'claude-sonnet-4',
  request: { messages, ...more.asked },
  supportedParameters: ['temperature', 'top_p', 'tools', 'tool_choice', 'response_format'],
  outputTokensMax: 4_096,
  reasoning: undefined,
  ...more,
});
const CALL = callOf([{ role: 'user', content: 'Hi' }]);

interface Message {
  content: string | null;
  reasoning?: string;
  reasoning_details?: ChatObject[];
  tool_calls?: { id: string; type: string; function: { name: string; arguments: string } }[];
}

/** Puts a stream together the way a client of the chat completions does. */
class Gatherer implements ChatSink {
  readonly message: Message = { content: '' };
  readonly order: string[] = [];
  reported: ReportedUsage | undefined;
  finishReason: unknown;
  complete: boolean | undefined;
  failure: ProviderError | undefined;
  readonly over: Promise<void>;
  private settle: () => void = () => undefined;

  constructor() {
    this.over = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  chunk({ choices }: ChatObject): void {
    this.order.push('chunk');
    const [choice] = choices as { delta: ChatObject; finish_reason: unknown }[];
    const { delta = {}, finish_reason } = choice ?? {};
    this.finishReason = finish_reason ?? this.finishReason;
    this.message.content += (delta['content'] as string | undefined) ?? '';
    if (delta['reasoning'] !== undefined) this.message.reasoning = (this.message.reasoning ?? '') + delta['reasoning'];
    for (const detail of (delta['reasoning_details'] ?? []) as ChatObject[]) this.addDetail(detail);
    for (const call of (delta['tool_calls'] ?? []) as (ChatObject & { index: number })[]) this.addCall(call);
  }

  private addDetail(detail: ChatObject): void {
    this.message.reasoning_details ??= [];
    const known = this.message.reasoning_details.find(({ index }) => index === detail['index']);
    if (known === undefined) this.message.reasoning_details.push({ ...detail });
    else Object.assign(known, detail, { text: ((known['text'] as string) ?? '') + ((detail['text'] as string) ?? '') });
  }

  private addCall({ index, ...call }: ChatObject & { index: number }): void {
    this.message.tool_calls ??= [];
    const known = this.message.tool_calls[index];
    if (known === undefined) this.message.tool_calls[index] = structuredClone(call) as never;
    else known.function.arguments += (call['function'] as { arguments: string }).arguments;
  }

  text(_: number, content: string): void {
    this.order.push('text');
    this.message.content += JSON.parse(content) as string;
  }

  usage(reported: ReportedUsage): void {
    this.order.push('usage');
    this.reported = reported;
  }

  end(complete: boolean): void {
    this.order.push('end');
    this.complete = complete;
    this.settle();
  }

  fail(error: ProviderError): void {
    this.order.push('fail');
    this.failure = error;
    this.settle();
  }
}

async function run(fake: FakeAnthropic, call = CALL): Promise<Gatherer> {
  const sink = new Gatherer();
  await provider(fake).stream(call, sink);
  await sink.over;
  return sink;
}

async function complete(fake: FakeAnthropic, call = CALL) {
  const { completion, usage, upstreamId } = await provider(fake).complete(call);
  const [choice] = completion['choices'] as { message: Message; finish_reason: string }[];
  return { ...(choice as NonNullable<typeof choice>), usage, upstreamId };
}

const refusalOf = async (asked: Promise<unknown>): Promise<ProviderError> =>
  asked.then(
    () => {
      throw new Error('accepted');
    },
    (error: ProviderError) => error,
  );

describe('an answer', () => {
  test('at once', async () => {
    const fake = await upstream({ usage: { cache_read_input_tokens: 5 } });
    const { message, finish_reason, usage, upstreamId } = await complete(fake);
    expect([message.content, finish_reason, upstreamId]).toEqual(['Hello there.', 'stop', 'msg_fake0']);
    expect(usage).toEqual({ usage: { input_uncached: 10, cache_read: 5, output_visible: 7 }, anomalies: [] });
    expect(fake.calls[0]?.headers).toMatchObject({ 'x-api-key': KEY, 'anthropic-version': '2023-06-01' });
    expect(fake.calls[0]?.headers).not.toHaveProperty('authorization');
  });

  test('in a stream: the input at the start, the whole usage before the end', async () => {
    const fake = await upstream({ text: ['Zü', 'rich "', '\n🏔'], usage: { cache_read_input_tokens: 5 } });
    const sink = await run(fake);
    expect(sink.message).toEqual({ content: 'Zürich "\n🏔' });
    expect(sink.order).toEqual(['usage', 'chunk', 'text', 'text', 'text', 'usage', 'chunk', 'end']);
    expect([sink.finishReason, sink.complete]).toEqual(['stop', true]);
    expect(sink.reported).toEqual({ usage: { input_uncached: 10, cache_read: 5, output_visible: 7 }, anomalies: [] });
    expect(fake.calls[0]?.usage).toMatchObject({ input_tokens: 10, cache_read_input_tokens: 5, output_tokens: 7 });
  });

  test('as JSON by a tool, at once and in a stream', async () => {
    const json_schema = { schema: { type: 'object', properties: { a: { type: 'string' } } } };
    const call = callOf(CALL.request.messages, { asked: { response_format: { type: 'json_schema', json_schema } } });
    const fake = await upstream({ toolCalls: [{ name: 'json', input: { a: 'ü"' } }] });
    const { message, finish_reason } = await complete(fake, call);
    expect([message, finish_reason]).toEqual([{ role: 'assistant', content: '{"a":"ü\\""}', refusal: null }, 'stop']);
    const sink = await run(fake, call);
    expect([sink.message, sink.finishReason]).toEqual([{ content: '{"a":"ü\\""}' }, 'stop']);
  });
});

describe('thinking with tools, through a second turn', () => {
  const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: {} } } }];
  const FIRST: AnthropicBehaviour = {
    thinking: [['Which ', 'city?'], ['Zürich.']],
    redacted: 'hidden',
    toolCalls: [
      { name: 'get_weather', input: { city: 'Zürich' } },
      { name: 'get_weather', input: {} },
    ],
  };
  const BUDGET = { control: 'budget', enabled: true, exclude: false, budgetTokens: 2_048 } as const;
  const ADAPTIVE = { control: 'adaptive', enabled: true, exclude: false, effort: 'high' } as const;
  const question: ChatMessage = { role: 'user', content: 'Weather?' };

  const turn = (answer: Message): ChatMessage[] => [
    question,
    { role: 'assistant', ...answer },
    ...(answer.tool_calls ?? []).map(({ id }) => ({ role: 'tool' as const, tool_call_id: id, content: `of ${id}` })),
  ];

  test.each([
    ['a budget', 'claude-sonnet-4', BUDGET],
    ['adaptively', 'claude-opus-4-7', ADAPTIVE],
  ])('blocks come back unchanged and in order: by %s', async (_, upstreamModel, reasoning) => {
    const fake = await upstream((index) => (index % 2 === 0 ? FIRST : {}));
    const more = {
      upstreamModel,
      reasoning,
      asked: { tools, tool_choice: 'required' },
      supportedParameters: ['tools', 'tool_choice'],
    };
    const atOnce = (await complete(fake, callOf([question], more))).message;
    expect(await complete(fake, callOf(turn(atOnce), more))).toMatchObject({ message: { content: 'Hello there.' } });
    const streamed = (await run(fake, callOf([question], more))).message;
    expect((await run(fake, callOf(turn(streamed), more))).message.content).toBe('Hello there.');

    expect(streamed.reasoning).toBe('Which city?Zürich.');
    const { role: _role, ...rest } = { role: 'x', ...atOnce, content: '' } as ChatObject;
    expect({ ...streamed, refusal: null }).toEqual(rest);
    const sent = fake.calls.map(({ requestBody }) => requestBody.messages[1]?.content);
    expect(sent[1]).toEqual(sent[3]);
    expect((sent[1] as { type: string }[]).map(({ type }) => type)).toEqual([
      ...['thinking', 'thinking', 'redacted_thinking', 'tool_use', 'tool_use'],
    ]);
  });

  test('a changed block is refused, in words for the client', async () => {
    const fake = await upstream({});
    const details = [
      { type: 'reasoning.text', text: 'changed', signature: signatureOf('said'), format: 'anthropic-claude-v1', index: 0 },
    ];
    const [, ...rest] = turn({ content: null, tool_calls: [] });
    const call = callOf([question, { ...(rest[0] as ChatMessage), reasoning_details: details, content: 'x' }, question], {
      reasoning: BUDGET,
    });
    expect(await refusalOf(provider(fake).complete(call))).toMatchObject({
      failure: 'refused',
      message: expect.stringContaining('Invalid `signature`'),
      details: { status: 400 },
    });
  });

  test('a lost block turns thinking off rather than ending the conversation', async () => {
    const fake = await upstream({});
    const tool_calls = [{ id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{}' } }];
    await complete(fake, callOf(turn({ content: null, tool_calls }), { reasoning: BUDGET, asked: { tools } }));
    expect(fake.calls[0]?.requestBody).not.toHaveProperty('thinking');
  });
});

test('however its bytes are split, a stream says the same', async () => {
  const script: AnthropicBehaviour = { thinking: [['hm ü']], text: ['Zü', '"'], toolCalls: [{ name: 'f', input: { a: 'ü' } }] };
  const frames = framesOf(script, { id: 'msg_fake0', model: 'claude-sonnet-4' });
  // Two cuts a stream, half of it apart.
  const half = Math.ceil(Buffer.byteLength(frames.map(({ text }) => text).join('')) / 2);
  const cut = (index: number): AnthropicBehaviour =>
    index < half ? { splitAt: [index, index + half] } : { bytesPerWrite: 1, lineEnd: index === half ? '\n' : '\r\n' };
  const fake = await upstream((index) => ({ ...script, ...cut(index) }));
  const one = provider(fake);
  const said: string[] = [];
  for (let index = 0; index <= half + 1; index++) {
    const sink = new Gatherer();
    await one.stream(CALL, sink);
    await sink.over;
    said.push(JSON.stringify([sink.message, sink.order, sink.reported, sink.finishReason, sink.complete]));
  }
  expect(new Set(said).size).toBe(1);
  const [message, , reported, finishReason, complete] = JSON.parse(said[0] as string);
  expect(message).toEqual({
    content: 'Zü"',
    reasoning: 'hm ü',
    reasoning_details: [
      { type: 'reasoning.text', text: 'hm ü', signature: signatureOf('hm ü'), format: 'anthropic-claude-v1', index: 0 },
    ],
    tool_calls: [{ id: 'toolu_0', type: 'function', function: { name: 'f', arguments: '{"a":"ü"}' } }],
  });
  expect([reported.usage, finishReason, complete]).toEqual([{ input_uncached: 10, output_visible: 7 }, 'tool_calls', true]);
});

describe('what goes wrong', () => {
  const STATUSES = [
    [400, 'refused'],
    [401, 'credentials'],
    [402, 'credentials'],
    [403, 'credentials'],
    [404, 'credentials'],
    [413, 'refused'],
    [429, 'rate_limited'],
    [500, 'unavailable'],
    [504, 'timeout'],
    [529, 'overloaded'],
  ] as const;

  test.each(STATUSES)('status %i is %s', async (status, failure) => {
    const fake = await upstream({ status, retryAfter: '7' });
    const one = provider(fake);
    for (const error of [await refusalOf(one.complete(CALL)), await refusalOf(one.stream(CALL, new Gatherer()))]) {
      expect(error).toMatchObject({ failure, details: { status, retryAfterSeconds: 7 } });
      if (failure === 'refused') expect(error.message).toBe(`Failed with ${status}`);
      else expect(error.message).not.toContain('Failed with');
    }
    expect(fake.calls).toHaveLength(2);
  });

  test.each([
    ['invalid_request_error', 'refused'],
    ['request_too_large', 'refused'],
    ['authentication_error', 'credentials'],
    ['billing_error', 'credentials'],
    ['permission_error', 'credentials'],
    ['not_found_error', 'credentials'],
    ['rate_limit_error', 'rate_limited'],
    ['api_error', 'unavailable'],
    ['timeout_error', 'timeout'],
    ['overloaded_error', 'overloaded'],
  ])('an error event %s is %s, at the start of a stream and in the middle', async (errorType, failure) => {
    const fake = await upstream((errorAfter) => ({ errorAfter, errorType }));
    const [first, second] = [await run(fake), await run(fake)];
    expect([first.failure?.failure, first.message.content]).toEqual([failure, '']);
    expect([second.failure?.failure, second.message.content]).toEqual([failure, 'Hello']);
    expect(second.order).toEqual(['usage', 'chunk', 'text', 'fail']);
    expect(second.reported).toEqual({ usage: { input_uncached: 10 }, anomalies: [] });
  });

  test.each([
    'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
    'You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.',
  ])('our own empty account is no fault of the client, though it is a 400: %s', async (message) => {
    const body = JSON.stringify({ type: 'error', error: { type: 'invalid_request_error', message } });
    const error = await refusalOf(provider(await upstream({ status: 400, body })).complete(CALL));
    expect([error.failure, error.message]).toEqual(['credentials', 'Anthropic did not accept the configured credentials.']);
  });

  test('a cut: what was told of the usage is the input, and the output is left to be estimated', async () => {
    const sink = await run(await upstream({ cutAfter: 2 }));
    expect(sink.failure).toMatchObject({ failure: 'unavailable', details: { status: 200 } });
    expect(sink.message.content).toBe('Hello there');
    expect(sink.reported).toEqual({ usage: { input_uncached: 10 }, anomalies: [] });
  });

  test('an end without message_stop is not complete', async () => {
    const sink = await run(await upstream({ omitStop: true }));
    expect([sink.complete, sink.finishReason]).toEqual([false, 'stop']);
    expect(sink.reported?.usage).toEqual({ input_uncached: 10, output_visible: 7 });
  });

  test('missing usage is none', async () => {
    const fake = await upstream({ omitUsage: true });
    expect((await complete(fake)).usage).toBeUndefined();
    const sink = await run(fake);
    expect([sink.reported, sink.complete]).toEqual([undefined, true]);
    expect(fake.calls.map(({ usage }) => usage)).toEqual([null, null]);
  });

  test('the input told only at the end counts', async () => {
    const split = { input_tokens: 20, cache_read_input_tokens: 80 };
    const sink = await run(await upstream({ usage: { input_tokens: 0 }, finalUsage: split }));
    expect(sink.reported).toEqual({ usage: { input_uncached: 20, cache_read: 80, output_visible: 7 }, anomalies: [] });
  });

  test('what cannot be said is refused before anything is sent', async () => {
    const fake = await upstream();
    const call = callOf([{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: '', format: 'wav' } }] }]);
    for (const asked of [provider(fake).complete(call), provider(fake).stream(call, new Gatherer())]) {
      expect(await refusalOf(asked)).toMatchObject({ failure: 'refused', details: { param: 'messages[0].content[0]' } });
    }
    expect(fake.calls).toEqual([]);
  });

  test('a wrong key is ours, and told to nobody', async () => {
    const error = await refusalOf(provider(await upstream(), 'sk-ant-canary-wrong').complete(CALL));
    expect(error.failure).toBe('credentials');
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain('canary');
  });

  test('a client that leaves closes the connection', async () => {
    const never = new Promise(() => undefined);
    const fake = await upstream({ beforeDelta: (index) => (index === 2 ? never : undefined) });
    const leaving = new AbortController();
    const sink = new Gatherer();
    await provider(fake).stream({ ...CALL, signal: leaving.signal }, sink);
    const call = await fake.call(0);
    leaving.abort();
    expect((await call.ended).endedBy).toBe('client_gone');
  });
});
