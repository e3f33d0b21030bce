import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from '@jest/globals';
import { HttpProvider } from '../../src/providers/http/http-provider.js';
import { openAiWire } from '../../src/providers/openai/openai-wire.js';
import type { ChatCall, ChatObject, ChatSink, ChatStream, ProviderError, ReportedUsage } from '../../src/providers/provider.js';
import { type Behaviour, type FakeUpstream, gate, startFakeUpstream } from '../support/fake-upstream.js';

const KEY = 'sk-canary-3f9a1c77e0b2';

/** Everything a stream told, in order; settles with its last word. */
class Recorder implements ChatSink {
  readonly chunks: ChatObject[] = [];
  readonly usages: ReportedUsage[] = [];
  readonly order: string[] = [];
  ended: boolean | undefined;
  failure: ProviderError | undefined;
  readonly over: Promise<void>;
  private readonly settle: () => void;
  onChunk: (count: number) => void = () => undefined;

  constructor() {
    let settle: () => void = () => undefined;
    this.over = new Promise((resolve) => {
      settle = resolve;
    });
    this.settle = settle;
  }

  text(index: number, content: string): void {
    const choices = [{ index, delta: { content: JSON.parse(content) as string }, logprobs: null, finish_reason: null }];
    this.chunk({ ...this.chunks.at(-1), choices });
  }

  chunk(chunk: ChatObject): void {
    this.order.push('chunk');
    this.chunks.push(chunk);
    this.onChunk(this.chunks.length);
  }

  usage(reported: ReportedUsage): void {
    this.order.push('usage');
    this.usages.push(reported);
  }

  end(complete: boolean): void {
    this.order.push('end');
    this.ended = complete;
    this.settle();
  }

  fail(error: ProviderError): void {
    this.order.push('fail');
    this.failure = error;
    this.settle();
  }

  get content(): string {
    return this.chunks.map((chunk) => delta(chunk).content ?? '').join('');
  }
}

const delta = (chunk: ChatObject) => ((chunk.choices as { delta?: ChatObject }[])[0]?.delta ?? {}) as ChatObject;

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function provider(baseUrl: string, { connectTimeoutMs = 5_000, idleTimeoutMs = 5_000, connectionsMax = 256 } = {}) {
  const settings = { id: 'openai', name: 'OpenAI', apiKey: KEY, baseUrl };
  const made = new HttpProvider({ ...settings, connectTimeoutMs, idleTimeoutMs, connectionsMax }, openAiWire('openai'));
  closing.push(() => made.close());
  return made;
}

async function upstream(behaviour?: Behaviour | ((index: number) => Behaviour)): Promise<FakeUpstream> {
  const started = await startFakeUpstream({
    behaviour: (_, index) => (typeof behaviour === 'function' ? behaviour(index) : behaviour),
  });
  closing.push(() => started.close());
  return started;
}

async function raw(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createHttpServer((request, response) => request.resume().on('end', () => answer(request, response)));
  return `${await listening(server)}/v1`;
}

async function listening(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const eventStream = (...events: string[]) =>
  raw((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(events.map((event) => `data: ${event}\n\n`).join(''));
  });

const CALL: ChatCall = {
  upstreamModel: 'gpt-4o',
  request: { messages: [{ role: 'user', content: 'Hi' }], temperature: 0.5 },
  supportedParameters: ['temperature'],
  outputTokensMax: 100,
  reasoning: undefined,
};

async function run(baseUrl: string, timeouts = {}): Promise<Recorder> {
  const sink = new Recorder();
  await provider(baseUrl, timeouts).stream(CALL, sink);
  await sink.over;
  return sink;
}

const refusalOf = async (baseUrl: string, timeouts = {}): Promise<ProviderError> =>
  provider(baseUrl, timeouts)
    .stream(CALL, new Recorder())
    .then(
      () => {
        throw new Error('accepted');
      },
      (error: ProviderError) => error,
    );

describe('a stream', () => {
  test('passes each chunk as it was sent, then the usage, then the end', async () => {
    const { url, calls } = await upstream({ text: ['Zü', 'rich ', '🏔'] });
    const sink = await run(url);
    expect(sink.content).toBe('Zürich 🏔');
    expect(sink.order).toEqual(['chunk', 'chunk', 'chunk', 'chunk', 'chunk', 'usage', 'end']);
    expect(sink.ended).toBe(true);
    expect(sink.usages).toEqual([{ usage: { input_uncached: 8, output_visible: 3 }, anomalies: [] }]);
    const { requestBody, headers } = calls[0] ?? { requestBody: {}, headers: {} };
    expect(requestBody).toEqual({
      ...{ ...CALL.request, model: 'gpt-4o', max_tokens: 100 },
      ...{ stream: true, stream_options: { include_usage: true } },
    });
    expect(headers.authorization).toBe(`Bearer ${KEY}`);
  });

  test('tells nothing before the caller holds the stream', async () => {
    const baseUrl = await eventStream('{"choices":[{"delta":{}}]}', '[DONE]');
    const sink = new Recorder();
    const stream = await provider(baseUrl).stream(CALL, sink);
    expect(sink.order).toEqual([]);
    stream.pause();
    stream.resume();
    await sink.over;
    expect(sink.order).toEqual(['chunk', 'end']);
  });

  test.each<[string, Behaviour]>([
    ['CRLF', { lineEnd: '\r\n' }],
    ['comments', { comments: true }],
    ['two events in one write', { eventsPerWrite: 2 }],
    ['a byte at a time', { bytesPerWrite: 1, text: ['Zürich 🏔'] }],
    ['an event beyond 1 MiB', { hugeEventBytes: 1_200_000 }],
  ])('reads %s', async (_, behaviour) => {
    const { url } = await upstream(behaviour);
    const sink = await run(url);
    expect(sink.ended).toBe(true);
    expect(sink.content.replace(/^x*/, '')).toBe(behaviour.text === undefined ? 'word word word ' : 'Zürich 🏔');
    expect(sink.content.length).toBeGreaterThanOrEqual(behaviour.hugeEventBytes ?? 0);
    expect(sink.usages).toHaveLength(1);
  });

  test('is the same wherever its bytes are split', async () => {
    const whole = await upstream({ text: ['Zü', '🏔'] });
    const expected = await run(whole.url);
    const again = { method: 'POST', body: JSON.stringify(whole.calls[0]?.requestBody) };
    const { length } = Buffer.from(await (await fetch(`${whole.url}/chat/completions`, again)).arrayBuffer());
    const split = await upstream((index) => ({ text: ['Zü', '🏔'], splitAt: [index, index + 1] }));
    const one = provider(split.url);
    for (let offset = 0; offset < length; offset += 1) {
      const sink = new Recorder();
      await one.stream(CALL, sink);
      await sink.over;
      expect([offset, sink.content, sink.order]).toEqual([offset, expected.content, expected.order]);
    }
  });

  test('that closes without [DONE] is not complete', async () => {
    const sink = await run((await upstream({ omitDone: true })).url);
    expect([sink.ended, sink.usages.length]).toEqual([false, 1]);
  });

  test('ignores what comes after [DONE]', async () => {
    const sink = await run((await upstream({ afterDone: 'data: {"choices":[{"delta":{"content":"late"}}]}\n\n' })).url);
    expect(sink.content).toBe('word word word ');
    expect(sink.order.at(-1)).toBe('end');
  });

  test('ends at [DONE] though the body stays open, and gives that connection up', async () => {
    const { promise: closed, resolve } = deferred();
    const baseUrl = await raw((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: [DONE]\n\n');
      response.on('close', resolve);
    });
    const sink = await run(baseUrl);
    expect(sink.ended).toBe(true);
    await closed;
  });

  test('may report usage on every chunk: each is passed, the last counts', async () => {
    const baseUrl = await eventStream(
      '{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":5,"completion_tokens":1}}',
      '{"choices":[{"delta":{"content":"b"}}],"usage":{"prompt_tokens":5,"completion_tokens":2}}',
      '[DONE]',
    );
    const sink = await run(baseUrl);
    expect(sink.order).toEqual(['usage', 'chunk', 'usage', 'chunk', 'end']);
    expect(sink.usages.at(-1)?.usage).toEqual({ input_uncached: 5, output_visible: 2 });
  });

  test.each<[string, Behaviour, number]>([
    ['no usage', { usageReports: 0 }, 0],
    ['usage twice', { usageReports: 2 }, 2],
  ])('lives with %s', async (_, behaviour, count) => {
    const sink = await run((await upstream(behaviour)).url);
    expect([sink.usages.length, sink.ended]).toEqual([count, true]);
  });

  test("renames DeepSeek's reasoning and tells its lack of resources as an error", async () => {
    const { url } = await upstream({
      dialect: 'deepseek',
      reasoning: ['hmm '],
      text: ['ok'],
      finishReason: 'insufficient_system_resource',
    });
    const sink = await run(url);
    const reasoned = sink.chunks.findIndex((chunk) => delta(chunk).reasoning !== undefined);
    expect(delta(sink.chunks[reasoned] ?? {})).toEqual({
      ...{ content: null, reasoning: 'hmm ' },
      reasoning_details: [{ type: 'reasoning.text', text: 'hmm ', format: 'unknown', index: 0 }],
    });
    expect(JSON.stringify(sink.chunks[reasoned])).not.toContain('reasoning_content');
    expect(sink.chunks.at(-1)).toMatchObject({ choices: [{ finish_reason: 'error' }] });
  });
});

describe('a stream that breaks', () => {
  test.each<[string, Behaviour, string]>([
    ['is cut', { cutAfter: 2, text: ['a', 'b', 'c'] }, 'unavailable'],
    ['falls silent', { silentAfter: 2, text: ['a', 'b', 'c'] }, 'timeout'],
    ['turns into no JSON', { malformedAfter: 2, text: ['a', 'b', 'c'] }, 'unavailable'],
    ['reports an error', { errorAfter: 2, text: ['a', 'b', 'c'] }, 'unavailable'],
  ])('because it %s fails after what came, and only once', async (_, behaviour, failure) => {
    const { url, calls } = await upstream(behaviour);
    const sink = await run(url, { idleTimeoutMs: 200 });
    expect([sink.content, sink.failure?.failure, sink.ended]).toEqual(['ab', failure, undefined]);
    expect(sink.order.filter((word) => word === 'fail')).toHaveLength(1);
    expect(sink.failure?.details).toMatchObject({ provider: 'OpenAI', status: 200 });
    await calls[0]?.ended;
  });

  test('by silence right after its head', async () => {
    const sink = await run((await upstream({ silent: 'after_headers' })).url, { idleTimeoutMs: 100 });
    expect([sink.order, sink.failure?.failure]).toEqual([['fail'], 'timeout']);
  });

  test.each([
    ['{"error":{"message":"slow down","code":"rate_limit_exceeded"}}', 'rate_limited'],
    ['{"error":{"message":"busy","type":"overloaded_error"}}', 'overloaded'],
    ['{"error":{"message":"bad","code":400}}', 'refused'],
    ['{"error":"no"}', 'unavailable'],
    ['[1]', 'unavailable'],
    ['null', 'unavailable'],
  ])('by the event %s', async (event, failure) => {
    const sink = await run(await eventStream('{"choices":[{"delta":{}}]}', event, '[DONE]'));
    expect([sink.order, sink.failure?.failure]).toEqual([['chunk', 'fail'], failure]);
  });

  test('by an error that tells what was used up to it', async () => {
    const sink = await run(
      await eventStream('{"error":{"code":502},"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}'),
    );
    expect([sink.order, sink.usages[0]?.usage]).toEqual([['usage', 'fail'], { input_uncached: 3, output_visible: 2 }]);
  });

  test('by an event beyond all bounds', async () => {
    const baseUrl = await raw((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const more = () => response.destroyed || response.write('x'.repeat(1 << 20), more);
      more();
    });
    const sink = await run(baseUrl);
    expect(sink.failure?.failure).toBe('unavailable');
  });
});

describe('a stream that never starts', () => {
  test('because nobody listens', async () => {
    const { url, close } = await startFakeUpstream();
    await close();
    expect(await refusalOf(url)).toMatchObject({
      failure: 'unavailable',
      details: { status: 0 },
      message: expect.stringMatching('ECONNREFUSED'),
    });
  });

  test('because the name does not resolve', async () => {
    expect(await refusalOf('http://provider.invalid/v1')).toMatchObject({ failure: 'unavailable', details: { status: 0 } });
  });

  test('because TLS does not come about', async () => {
    const closer = createTcpServer((socket) => socket.on('error', () => undefined).end('no TLS here'));
    const baseUrl = (await listening(closer)).replace('http:', 'https:');
    expect(await refusalOf(baseUrl)).toMatchObject({ failure: 'unavailable', details: { status: 0 } });
  });

  test('because no connection stands in time', async () => {
    const mute = createTcpServer(() => undefined);
    const baseUrl = (await listening(mute)).replace('http:', 'https:');
    const error = await refusalOf(baseUrl, { connectTimeoutMs: 100 });
    expect([error.failure, error.message]).toEqual(['timeout', 'OpenAI accepted no connection in time.']);
  });

  test('because the connection is closed without a byte', async () => {
    const { url, calls } = await upstream({ refuse: true });
    expect(await refusalOf(url)).toMatchObject({ failure: 'unavailable', details: { status: 0 } });
    expect(calls).toHaveLength(1);
  });

  test('because nothing is answered', async () => {
    const { url } = await upstream({ silent: 'before_headers' });
    expect(await refusalOf(url, { idleTimeoutMs: 100 })).toMatchObject({ failure: 'timeout', details: { status: 0 } });
  });

  test('because every connection is taken', async () => {
    const { url, calls } = await upstream({ silent: 'before_headers' });
    const one = provider(url, { connectionsMax: 1, idleTimeoutMs: 150 });
    const asked = [1, 2].map(() => one.stream(CALL, new Recorder()).catch((error: ProviderError) => error.failure as unknown));
    // Its end frees the connection, which the other may still get: it gives up at the same time, or a millisecond later.
    const callsUntilThen = Promise.race(asked).then(() => calls.length);
    expect(await Promise.all(asked)).toEqual(['timeout', 'timeout']);
    expect(await callsUntilThen).toBe(1);
  });

  test.each([
    ['JSON', 'application/json', '{"choices":[]}', 'unavailable'],
    ['an error object', 'application/json', '{"error":{"code":"insufficient_quota"}}', 'credentials'],
    ['a page', 'text/html', '<html>', 'unavailable'],
  ])('because the answer is %s', async (_, type, body, failure) => {
    const baseUrl = await raw((__, response) => response.writeHead(200, { 'content-type': type }).end(body));
    expect(await refusalOf(baseUrl)).toMatchObject({ failure, details: { status: 200 } });
  });

  test('because of its status', async () => {
    const { url } = await upstream({ status: 429, retryAfter: '7' });
    expect(await refusalOf(url)).toMatchObject({
      failure: 'rate_limited',
      details: { status: 429, retryAfterSeconds: 7, code: 'rate_limit_exceeded' },
    });
  });
});

describe('the hand on a stream', () => {
  test('pause stops the reading: the provider gets stuck within what sockets hold', async () => {
    const CHUNK = `data: {"choices":[{"delta":{"content":"${'x'.repeat(65_000)}"}}]}\n\n`;
    let written = 0;
    const baseUrl = await raw(async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (let index = 0; index < 1_000; index++) {
        written += CHUNK.length;
        if (!response.write(CHUNK)) await once(response, 'drain');
      }
      response.end('data: [DONE]\n\n');
    });
    const sink = new Recorder();
    let stream: ChatStream | undefined;
    sink.onChunk = (count) => count === 3 && stream?.pause();
    stream = await provider(baseUrl, { idleTimeoutMs: 500 }).stream(CALL, sink);
    while (sink.chunks.length < 3) await turns(1);
    let sent = 0;
    // Nothing is read any more once the loop has turned this often without a write.
    for (; sent !== written; await turns(1_000)) sent = written;
    expect(sink.chunks.length).toBeLessThan(6);
    expect(sent).toBeLessThan(16 * 1024 * 1024);
    stream.resume();
    await sink.over;
    expect([sink.chunks.length, sink.ended]).toEqual([1_000, true]);
  });

  test('a pause outlasts the idle timeout', async () => {
    const more = gate();
    const { url } = await upstream({ chunks: 2, beforeChunk: (index) => (index === 1 ? more.opened : undefined) });
    const sink = new Recorder();
    const one = provider(url, { idleTimeoutMs: 60 });
    const stream = await one.stream(CALL, sink);
    stream.pause();
    // A second call that times out is the clock of this test.
    const silent = await upstream({ silent: 'before_headers' });
    expect((await refusalOf(silent.url, { idleTimeoutMs: 180 })).failure).toBe('timeout');
    more.open();
    stream.resume();
    await sink.over;
    expect([sink.content, sink.ended]).toEqual(['word word ', true]);
  });

  test('abort closes the connection, and nothing more is told', async () => {
    const { url, calls } = await upstream({ chunks: 100, eventsPerWrite: 10 });
    const sink = new Recorder();
    const held = deferred();
    let stream: ChatStream | undefined;
    sink.onChunk = (count) => {
      if (count !== 3) return;
      stream?.abort();
      held.resolve();
    };
    stream = await provider(url).stream(CALL, sink);
    await held.promise;
    expect((await calls[0]?.ended)?.endedBy).not.toBe('open');
    expect(sink.order).toEqual(['chunk', 'chunk', 'chunk']);
  });

  test('abort while nothing comes', async () => {
    const { url, calls } = await upstream({ silent: 'after_headers' });
    const sink = new Recorder();
    const stream = await provider(url).stream(CALL, sink);
    stream.abort();
    expect((await calls[0]?.ended)?.endedBy).toBe('client_gone');
    expect(sink.order).toEqual([]);
  });

  test('a signal closes it before its head has come', async () => {
    const fake = await upstream({ silent: 'before_headers' });
    const leaving = new AbortController();
    const waiting = provider(fake.url).stream({ ...CALL, signal: leaving.signal }, new Recorder());
    const arrived = await fake.call(0);
    leaving.abort();
    await expect(waiting).rejects.toMatchObject({ failure: 'unavailable', details: { status: 499 } });
    expect((await arrived.ended).endedBy).toBe('client_gone');
  });
});

test('streams one after the other share a connection; at the same time each has its own', async () => {
  const sockets = new Set<unknown>();
  const baseUrl = await raw((request, response) => {
    sockets.add(request.socket);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end('data: {"choices":[{"delta":{}}]}\n\ndata: [DONE]\n\n');
  });
  const one = provider(baseUrl);
  for (let count = 0; count < 20; count++) {
    const sink = new Recorder();
    await one.stream(CALL, sink);
    await sink.over;
    // The end is told at [DONE]; the body's end frees the connection a turn later.
    await turns(3);
  }
  expect(sockets.size).toBe(1);
  const sinks = Array.from({ length: 8 }, () => new Recorder());
  await Promise.all(sinks.map((sink) => one.stream(CALL, sink).then(() => sink.over)));
  expect(sockets.size).toBe(8);
});

test('no failure holds the key', async () => {
  const echo = `{"error":{"message":"Bad key ${KEY} or sk-proj-abc123456 (Bearer xyz)","code":"${KEY}","param":"${KEY}"}}`;
  const errors: unknown[] = [];
  for (const status of [400, 401, 403, 404, 413, 422, 429, 500, 503]) {
    errors.push(await refusalOf(await raw((_, response) => response.writeHead(status).end(echo))));
  }
  errors.push((await run(await eventStream(echo))).failure);
  errors.push(await refusalOf('http://127.0.0.1:1/v1'));
  const holder = provider((await upstream({ silent: 'after_headers' })).url);
  const stream = await holder.stream(CALL, new Recorder());
  for (const object of [holder, stream]) {
    expect(inspect(object, { depth: 20, showHidden: true, maxArrayLength: null })).not.toContain('canary');
  }
  for (const error of errors as Error[]) {
    const told = `${error.message} ${error.stack} ${JSON.stringify(error)} ${JSON.stringify(Object.entries(error))} ${String(error.cause)}`;
    expect(told).not.toContain('canary');
    expect(told).not.toContain('sk-proj-abc');
  }
  const torn = { id: 'x', name: 'X', apiKey: `${KEY}\n`, baseUrl: 'http://x', connectTimeoutMs: 1, idleTimeoutMs: 1 };
  expect(() => new HttpProvider(torn, openAiWire('openai'))).toThrow(/^(?!.*canary)/);
});

function deferred() {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
