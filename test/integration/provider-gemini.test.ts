import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { geminiWire } from '../../src/providers/gemini/gemini-wire.js';
import { HttpProvider } from '../../src/providers/http/http-provider.js';
import type {
  ChatCall,
  ChatMessage,
  ChatObject,
  ChatSink,
  ChatStream,
  ProviderError,
  ReportedUsage,
} from '../../src/providers/provider.js';
import { type FakeGeminiOptions, type GeminiBehaviour, type GeminiCall, startFakeGemini } from '../support/fake-gemini.js';

const KEY = 'AIzaCanary3f9a1c77e0b2';

/** Everything a stream told, in order; settles with its last word. */
class Recorder implements ChatSink {
  readonly chunks: ChatObject[] = [];
  readonly order: string[] = [];
  reported: ReportedUsage | undefined;
  failure: ProviderError | undefined;
  readonly over: Promise<void>;
  private settle: () => void = () => undefined;

  constructor() {
    this.over = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  chunk(chunk: ChatObject): void {
    this.order.push('chunk');
    this.chunks.push(chunk);
  }

  text(index: number, content: string): void {
    this.order.push('text');
    this.chunks.push({ choices: [{ index, delta: { content: JSON.parse(content) as string } }] });
  }

  usage({ usage, anomalies }: ReportedUsage): void {
    this.reported = { usage, anomalies };
  }

  end(complete: boolean): void {
    this.order.push(complete ? 'complete' : 'incomplete');
    this.settle();
  }

  fail(error: ProviderError): void {
    this.order.push('fail');
    this.failure = error;
    this.settle();
  }

  /** The message that the deltas of one choice make, as a client puts it together. */
  message(index = 0): ChatObject {
    const message: Record<string, unknown> & { content: string } = { role: 'assistant', content: '' };
    for (const { delta } of this.choices(index)) {
      const { content, reasoning, role: _, ...lists } = delta;
      message.content += content ?? '';
      if (reasoning !== undefined) message['reasoning'] = `${message['reasoning'] ?? ''}${reasoning}`;
      for (const [name, values] of Object.entries(lists)) message[name] = [...((message[name] as []) ?? []), ...(values as [])];
    }
    return message;
  }

  finish(index = 0): unknown {
    return this.choices(index).findLast(({ finish_reason }) => finish_reason)?.finish_reason;
  }

  private choices(of: number) {
    const all = this.chunks.flatMap(({ choices }) => choices as { index: number; delta: Delta; finish_reason?: unknown }[]);
    return all.filter(({ index }) => index === of);
  }
}

type Delta = { content?: string; reasoning?: string; role?: string; [list: string]: unknown };

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function provider(baseUrl: string, { idleTimeoutMs = 5_000, apiKey = KEY } = {}): HttpProvider {
  const settings = { id: 'gemini', name: 'Google', apiKey, baseUrl, connectTimeoutMs: 5_000, idleTimeoutMs };
  const made = new HttpProvider(settings, geminiWire);
  closing.push(() => made.close());
  return made;
}

async function google(behaviour: GeminiBehaviour | FakeGeminiOptions['behaviour'] = {}, keys = [KEY]) {
  const fake = await startFakeGemini({ keys, behaviour: typeof behaviour === 'function' ? behaviour : () => behaviour });
  closing.push(() => fake.close());
  return fake;
}

const SUPPORTED = [
  ...['temperature', 'top_p', 'top_k', 'stop', 'seed', 'presence_penalty', 'frequency_penalty', 'logprobs', 'top_logprobs'],
  ...['response_format', 'tools', 'tool_choice', 'reasoning'],
];
const callOf = (request: Partial<ChatCall['request']> = {}, more: Partial<ChatCall> = {}): ChatCall => ({
  upstreamModel: 'gemini-2.5-flash',
  request: { messages: [{ role: 'user', content: 'Hi' }], ...request },
  supportedParameters: SUPPORTED,
  outputTokensMax: 100,
  reasoning: undefined,
  ...more,
});
const CALL = callOf();

async function streamed(baseUrl: string, call = CALL, settings = {}): Promise<Recorder> {
  const sink = new Recorder();
  await provider(baseUrl, settings).stream(call, sink);
  await sink.over;
  return sink;
}

const errorOf = (promise: Promise<unknown>): Promise<ProviderError> =>
  promise.then(
    () => {
      throw new Error('accepted');
    },
    (error: ProviderError) => error,
  );

const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, additionalProperties: false },
  },
};

describe('an answer at once', () => {
  test('is asked for with the key in its header, and comes back in the canonical form with its figures', async () => {
    const fake = await google({ text: ['Grüezi', ' 🏔'] });
    const { completion, usage, upstreamId } = await provider(fake.url).complete(CALL);
    expect(completion).toEqual({
      id: upstreamId,
      model: 'gemini-2.5-flash',
      object: 'chat.completion',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Grüezi 🏔', refusal: null, reasoning: null },
          logprobs: null,
          finish_reason: 'stop',
          native_finish_reason: 'STOP',
        },
      ],
    });
    const [call] = fake.calls;
    expect(usage).toEqual({ usage: { input_uncached: call?.usage?.['promptTokenCount'], output_visible: 2 }, anomalies: [] });
    expect(call?.path).toBe('/v1beta/models/gemini-2.5-flash:generateContent');
    expect(call?.headers['x-goog-api-key']).toBe(KEY);
    expect(call?.headers.authorization).toBeUndefined();
    expect(call?.requestBody).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Hi' }] }],
      generationConfig: { maxOutputTokens: 100 },
    });
  });

  test('takes everything that can be said, and Google refuses none of it', async () => {
    const fake = await google();
    const messages: ChatMessage[] = [
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
          { type: 'image_url', image_url: { url: 'https://example.org/a.webp?b=c' } },
          { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } },
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
          { type: 'video_url', video_url: { url: 'https://youtu.be/x' } },
        ],
      },
    ];
    const format = {
      type: 'json_schema',
      json_schema: { name: 'x', schema: { type: 'object', $schema: 'y', additionalProperties: false } },
    };
    const sampling = { temperature: 0.5, top_p: 0.9, top_k: 40, seed: 7, presence_penalty: 0.1, frequency_penalty: 0.2 };
    const request = { messages, ...sampling, stop: ['a', 'b'], n: 2, logprobs: true, top_logprobs: 3, response_format: format };
    const tools = { tools: [WEATHER], tool_choice: { type: 'function', function: { name: 'get_weather' } } };
    const reasoning = { control: 'budget', enabled: true, budgetTokens: 100_000, exclude: false } as const;
    const { completion } = await provider(fake.url).complete(callOf({ ...request, ...tools }, { reasoning }));
    expect((completion['choices'] as unknown[]).length).toBe(2);
  });

  test('broken off in the middle is none', async () => {
    const fake = await google({ cutAfter: 0 });
    expect((await errorOf(provider(fake.url).complete(CALL))).failure).toBe('unavailable');
  });
});

describe('a stream', () => {
  test('passes text as it comes, the reason to finish with the end of the body, and the last figures', async () => {
    const fake = await google({ text: ['Zü', 'rich ', '"\\\n🏔', ''] });
    const sink = await streamed(fake.url);
    expect(sink.message()).toEqual({ role: 'assistant', content: 'Zürich "\\\n🏔' });
    expect(sink.order).toEqual(['chunk', 'text', 'text', 'chunk', 'complete']);
    expect(sink.finish()).toBe('stop');
    expect(sink.chunks.at(-1)).toMatchObject({ choices: [{ native_finish_reason: 'STOP', delta: {} }] });
    const [call] = fake.calls;
    expect(call?.path).toBe('/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse');
    const { promptTokenCount, candidatesTokenCount } = call?.usage ?? {};
    expect(sink.reported).toEqual({
      usage: { input_uncached: promptTokenCount, output_visible: candidatesTokenCount },
      anomalies: [],
    });
  });

  test('is the same however its bytes are split', async () => {
    const script = {
      thoughts: ['hm', 'mm'],
      text: ['Zü', '🏔', 'x'],
      toolCalls: [{ name: 'get_weather', args: { city: 'Zürich' } }],
    };
    const plain = await google(script);
    const whole = await streamed(plain.url);
    const bytes = plain.calls[0]?.bytesSent ?? 0;
    expect(bytes).toBeGreaterThan(1_000);
    const fake = await google(({ index }) => ({ ...script, splitAt: [index] }));
    const one = provider(fake.url);
    for (let split = 0; split < bytes; split++) {
      const sink = new Recorder();
      await one.stream(CALL, sink);
      await sink.over;
      const strip = (message: ChatObject) => JSON.stringify(message).replaceAll(/fake_\d+/g, 'fake');
      expect(strip(sink.message())).toBe(strip(whole.message()));
      expect([sink.finish(), sink.order.at(-1)]).toEqual(['tool_calls', 'complete']);
    }
  }, 120_000);

  test('is read byte by byte and with other line ends', async () => {
    const sink = await streamed((await google({ bytesPerWrite: 1, lineEnd: '\r\n', text: ['a', 'b', 'c'] })).url);
    expect([sink.message()['content'], sink.order.at(-1)]).toEqual(['abc', 'complete']);
  });

  test('gives several candidates their choices', async () => {
    const sink = await streamed((await google({ text: ['a', 'b'] })).url, callOf({ n: 3 }));
    expect([0, 1, 2].map((index) => [sink.message(index)['content'], sink.finish(index)])).toEqual(
      Array.from({ length: 3 }, () => ['ab', 'stop']),
    );
  });

  test('without a reason to finish is not whole', async () => {
    const sink = await streamed((await google({ finishReason: null })).url);
    expect(sink.order.at(-1)).toBe('incomplete');
    expect(sink.finish()).toBeUndefined();
    expect(sink.reported?.usage).toMatchObject({ output_visible: 3 });
  });

  test('of no event is not whole', async () => {
    expect((await streamed((await google({ events: [] })).url)).order).toEqual(['incomplete']);
  });

  test('without figures reports none', async () => {
    const sink = await streamed((await google({ usage: null })).url);
    expect([sink.reported, sink.order.at(-1)]).toEqual([undefined, 'complete']);
  });

  test('that is cut fails with the figures so far', async () => {
    const fake = await google({ text: ['a', 'b', 'c', 'd'], cutAfter: 3 });
    const sink = await streamed(fake.url);
    expect(sink.order).toEqual(['chunk', 'text', 'text', 'fail']);
    expect(sink.failure?.failure).toBe('unavailable');
    expect(sink.reported?.usage).toEqual({ input_uncached: 8, output_visible: 3 });
    expect(fake.calls[0]?.usage).toMatchObject({ candidatesTokenCount: 3 });
  });

  test('with an error in the middle fails as the error says', async () => {
    const sink = await streamed((await google({ errorAfter: 2 })).url);
    expect(sink.order).toEqual(['chunk', 'text', 'fail']);
    expect(sink.failure).toMatchObject({
      failure: 'overloaded',
      message: 'Google is overloaded.',
      details: { code: 'UNAVAILABLE' },
    });
  });

  test('with something that is no event of an answer is broken', async () => {
    const sink = await streamed((await google({ malformedAfter: 1 })).url);
    expect(sink.order).toEqual(['chunk', 'fail']);
    expect(sink.failure?.message).toBe('Google sent an event that is no part of an answer.');
  });

  test('of a blocked prompt is whole, and has no text', async () => {
    const sink = await streamed((await google({ blockReason: 'PROHIBITED_CONTENT' })).url);
    expect([sink.message()['content'], sink.finish(), sink.order.at(-1)]).toEqual(['', 'content_filter', 'complete']);
    expect(sink.reported?.usage).toEqual({ input_uncached: 8, output_visible: 0 });
  });

  test('that falls silent is given up', async () => {
    const sink = await streamed((await google({ silent: 'after_headers' })).url, CALL, { idleTimeoutMs: 100 });
    expect(sink.failure?.failure).toBe('timeout');
  });

  test('is closed when it is left, which saves nothing: Google bills it all the same', async () => {
    expect(provider('http://127.0.0.1:1').stopsBillingOnAbort).toBe(false);
    const fake = await google({ silent: 'after_headers' });
    const stream: ChatStream = await provider(fake.url).stream(CALL, new Recorder());
    stream.abort();
    expect((await (await fake.call(0)).ended).endedBy).toBe('client_gone');
  });
});

describe('a loop of tools', () => {
  const question: ChatMessage = { role: 'user', content: 'Weather in Zürich and Bern?' };
  const script: FakeGeminiOptions['behaviour'] = ({ index }) =>
    index % 2 === 1
      ? { text: ['Sunny.'] }
      : {
          thoughts: ['I need the weather.'],
          toolCalls: [
            { name: 'get_weather', args: { city: 'Zürich' } },
            { name: 'get_weather', args: { city: 'Bern' } },
          ],
        };
  const call = (messages: ChatMessage[], model: string) =>
    callOf({ messages, tools: [WEATHER] }, { upstreamModel: model, supportedParameters: SUPPORTED });
  const answersTo = ({ tool_calls }: ChatObject): ChatMessage[] =>
    (tool_calls as { id: string }[]).map(({ id }, index) => ({
      role: 'tool',
      tool_call_id: id,
      content: `{"degrees":${index}}`,
    }));

  test.each(['gemini-3-pro-preview', 'gemini-2.5-flash'])('gives back what %s has signed, in a stream', async (model) => {
    const fake = await google(script);
    const first = await streamed(fake.url, call([question], model));
    expect(first.finish()).toBe('tool_calls');
    const said = first.message();
    const second = await streamed(fake.url, call([question, said as ChatMessage, ...answersTo(said)], model));
    expect([second.message()['content'], second.finish()]).toEqual(['Sunny.', 'stop']);
    const [, turn, results] = (fake.calls[1] as GeminiCall).requestBody['contents'] as { role: string; parts: ChatObject[] }[];
    expect(turn?.parts.map((part) => 'thoughtSignature' in part)).toEqual([model.startsWith('gemini-3'), false]);
    expect(JSON.stringify(turn)).not.toContain('I need');
    expect(results?.parts).toMatchObject([
      { functionResponse: { name: 'get_weather', response: { degrees: 0 } } },
      { functionResponse: { name: 'get_weather', response: { degrees: 1 } } },
    ]);
  });

  test('gives back what was signed in an answer at once', async () => {
    const fake = await google(script);
    const one = provider(fake.url);
    const { completion } = await one.complete(call([question], 'gemini-3-flash'));
    const [{ message, finish_reason }] = completion['choices'] as [{ message: ChatObject; finish_reason: string }];
    expect(finish_reason).toBe('tool_calls');
    await one.complete(call([question, message as ChatMessage, ...answersTo(message)], 'gemini-3-flash'));
    expect(fake.calls[1]?.status).toBe(200);
  });

  test('goes on where the client has lost the signatures', async () => {
    const fake = await google(script);
    const { reasoning_details: _, ...said } = (await streamed(fake.url, call([question], 'gemini-3-pro'))).message();
    const second = await streamed(fake.url, call([question, said as ChatMessage, ...answersTo(said)], 'gemini-3-pro'));
    expect(second.finish()).toBe('stop');
  });

  test('with a signature that was changed is refused by Google', async () => {
    const fake = await google(script);
    const said = (await streamed(fake.url, call([question], 'gemini-3-pro'))).message();
    const details = said['reasoning_details'] as ChatObject[];
    for (const detail of details) if (detail['data']) detail['data'] = 'Y2hhbmdlZA==';
    const error = await errorOf(
      provider(fake.url).complete(call([question, said as ChatMessage, ...answersTo(said)], 'gemini-3-pro')),
    );
    expect(error).toMatchObject({ failure: 'refused', message: 'Corrupted thought signature.' });
  });

  test('with a result missing is refused by Google', async () => {
    const fake = await google(script);
    const said = (await streamed(fake.url, call([question], 'gemini-3-pro'))).message();
    const messages = [question, said as ChatMessage, ...answersTo(said).slice(1)];
    expect((await errorOf(provider(fake.url).complete(call(messages, 'gemini-3-pro')))).message).toMatch(/^Please ensure/);
  });
});

describe('a refusal', () => {
  const refusalBy = async (behaviour: GeminiBehaviour) => errorOf(provider((await google(behaviour)).url).complete(CALL));

  test.each([
    [400, 'refused'],
    [403, 'credentials'],
    [404, 'credentials'],
    [429, 'rate_limited'],
    [499, 'unavailable'],
    [500, 'unavailable'],
    [503, 'overloaded'],
    [504, 'timeout'],
  ])('with %i is %s, in a list or not, before a stream or at once', async (status, failure) => {
    const { url } = await google(({ index }) => ({ status, asList: index % 2 === 1 }));
    const one = provider(url);
    const errors = [
      await errorOf(one.complete(CALL)),
      await errorOf(one.complete(CALL)),
      await errorOf(one.stream(CALL, new Recorder())),
      await errorOf(one.stream(CALL, new Recorder())),
    ];
    for (const error of errors) expect(error).toMatchObject({ failure, details: { status, provider: 'Google' } });
    if (failure === 'refused') for (const { message } of errors) expect(message).toBe('Google says 400.');
  });

  test('with 429 says when to come back, by its RetryInfo', async () => {
    const { failure, details } = await refusalBy({ status: 429, retryDelay: '34.074s' });
    expect([failure, details.retryAfterSeconds, details.code]).toEqual(['rate_limited', 35, 'RESOURCE_EXHAUSTED']);
    expect((await refusalBy({ status: 429, retryDelay: '34s' })).details.retryAfterSeconds).toBe(34);
    expect((await refusalBy({ status: 429, retryDelay: 'soon' })).details.retryAfterSeconds).toBeUndefined();
  });

  test('a header says it before the body does', async () => {
    const { details } = await refusalBy({ status: 429, retryDelay: '34s', retryAfter: '3' });
    expect(details.retryAfterSeconds).toBe(3);
  });

  test('of the key is ours, though Google says 400, and names no key', async () => {
    const fake = await google({}, ['another']);
    const error = await errorOf(provider(fake.url).complete(CALL));
    expect(error).toMatchObject({ failure: 'credentials', details: { status: 400, code: 'API_KEY_INVALID' } });
    expect(error.message).not.toContain('API key');
  });

  test('of a call without a key is what the fake says of it', async () => {
    const { url } = await google();
    const body = '{"contents":[]}';
    const answer = await fetch(`${url}/v1beta/models/gemini-2.5-flash:generateContent`, { method: 'POST', body });
    expect([answer.status, await answer.json()]).toMatchObject([403, { error: { code: 403, status: 'PERMISSION_DENIED' } }]);
  });

  test('for want of billing is ours', async () => {
    const body = JSON.stringify({ error: { code: 400, message: 'Enable billing.', status: 'FAILED_PRECONDITION' } });
    expect((await refusalBy({ status: 400, body })).failure).toBe('credentials');
  });

  test("repeats no key of Google's form", async () => {
    const body = JSON.stringify({ error: { code: 400, message: 'Bad AIzaSyD-1234567890abc.', status: 'INVALID_ARGUMENT' } });
    expect((await refusalBy({ status: 400, body })).message).toBe('Bad [redacted]');
  });

  test('of what cannot be said is made before anything is sent', async () => {
    const fake = await google();
    const error = await errorOf(provider(fake.url).complete(callOf({ stop: ['1', '2', '3', '4', '5', '6'] })));
    expect(error).toMatchObject({ failure: 'refused', details: { status: 0, param: 'stop' } });
    expect(fake.calls).toEqual([]);
  });

  test.each([
    ['RESOURCE_EXHAUSTED', 'rate_limited'],
    ['UNAVAILABLE', 'overloaded'],
    ['DEADLINE_EXCEEDED', 'timeout'],
    ['PERMISSION_DENIED', 'credentials'],
    ['INVALID_ARGUMENT', 'refused'],
    ['INTERNAL', 'unavailable'],
  ])('in a stream, named %s alone, is %s', async (status, failure) => {
    const sink = await streamed((await google({ events: [{ error: { message: 'x', status } }] })).url);
    expect(sink.failure?.failure).toBe(failure);
  });
});

describe('embeddings', () => {
  const embed = (baseUrl: string, input: readonly (string | number[])[], dimensions?: number) =>
    provider(baseUrl).embed?.({ upstreamModel: 'gemini-embedding-001', input, dimensions }) as Promise<unknown>;

  test('are one vector for each text, without figures', async () => {
    const fake = await google();
    expect(await embed(fake.url, ['a', 'bcd'], 2)).toEqual({
      vectors: [
        [1, 1.125],
        [3, 3.125],
      ],
      usage: undefined,
    });
    expect(fake.calls[0]?.path).toBe('/v1beta/models/gemini-embedding-001:batchEmbedContents');
  });

  test('of token numbers cannot be had', async () => {
    expect(await errorOf(embed('http://127.0.0.1:1', ['a', [1, 2]]))).toMatchObject({
      failure: 'refused',
      details: { param: 'input[1]' },
    });
  });

  test.each([
    ['too few', '{"embeddings":[]}'],
    ['no numbers', '{"embeddings":[{"values":["x"]}]}'],
    ['none', '{}'],
  ])('that are %s are no answer', async (_, body) => {
    const server = createServer((request, response) => request.resume().on('end', () => response.end(body)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    const error = await errorOf(embed(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, ['a']));
    expect(error.failure).toBe('unavailable');
  });
});
