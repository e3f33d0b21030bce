import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { HttpProvider } from '../../src/providers/http/http-provider.js';
import { openAiWire } from '../../src/providers/openai/openai-wire.js';
import type { ChatCall, ProviderError } from '../../src/providers/provider.js';
import { type Behaviour, startFakeUpstream } from '../support/fake-upstream.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function provider(baseUrl: string, idleTimeoutMs = 5_000) {
  const made = new HttpProvider(
    { id: 'openai', name: 'OpenAI', apiKey: 'sk-test', baseUrl, connectTimeoutMs: 5_000, idleTimeoutMs },
    openAiWire('openai'),
  );
  closing.push(() => made.close());
  return made;
}

async function upstream(behaviour: Behaviour = {}) {
  const started = await startFakeUpstream({ behaviour: () => behaviour });
  closing.push(() => started.close());
  return started;
}

async function raw(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => request.resume().on('end', () => answer(request, response)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  raw((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });

const CALL: ChatCall = {
  upstreamModel: 'gpt-4o',
  request: { messages: [{ role: 'user', content: 'Hi' }] },
  supportedParameters: [],
  outputTokensMax: 100,
  reasoning: undefined,
};

const refusalOf = async (baseUrl: string, idleTimeoutMs?: number): Promise<ProviderError> =>
  provider(baseUrl, idleTimeoutMs)
    .complete(CALL)
    .then(
      () => {
        throw new Error('answered');
      },
      (error: ProviderError) => error,
    );

describe('an answer at once', () => {
  test('is the completion with its usage', async () => {
    const { url, calls } = await upstream({
      text: ['Zürich'],
      usage: { promptTokens: 9, completionTokens: 4, cachedTokens: 2, reasoningTokens: 1 },
    });
    const { completion, usage, upstreamId } = await provider(url).complete(CALL);
    expect(completion).toMatchObject({ object: 'chat.completion', choices: [{ message: { content: 'Zürich' } }] });
    expect(usage).toEqual({ usage: { input_uncached: 7, cache_read: 2, output_visible: 3, output_reasoning: 1 }, anomalies: [] });
    expect(upstreamId).toBe(calls[0]?.id);
    expect(calls[0]?.requestBody).toEqual({ ...CALL.request, model: 'gpt-4o', max_tokens: 100, stream: false });
  });

  test('may lack usage', async () => {
    const { url } = await upstream({ usageReports: 0 });
    expect((await provider(url).complete(CALL)).usage).toBeUndefined();
  });

  test("has DeepSeek's reasoning under its canonical name", async () => {
    const { url } = await upstream({ dialect: 'deepseek', reasoning: ['hmm'], text: ['ok'] });
    const { completion } = await provider(url).complete(CALL);
    expect(completion).toMatchObject({ choices: [{ message: { content: 'ok', reasoning: 'hmm' } }] });
    expect(JSON.stringify(completion)).not.toContain('reasoning_content');
  });

  test.each([
    ['https://host/v1 ends in /v1', '/v1', '/v1/chat/completions'],
    ['with a slash behind', '/v1/', '/v1/chat/completions'],
    ['a bare origin', '', '/chat/completions'],
    ['a query', '/v1?api-version=2', '/v1/chat/completions?api-version=2'],
  ])('is asked for below the base URL: %s', async (_, base, path) => {
    const asked: unknown[] = [];
    const origin = await raw((request, response) => {
      asked.push(request.url);
      response.end('{"choices":[{}]}');
    });
    await provider(origin + base).complete(CALL);
    expect(asked).toEqual([path]);
  });

  test('keeps one connection for one call after the other', async () => {
    const sockets = new Set<unknown>();
    const one = provider(
      await raw((request, response) => {
        sockets.add(request.socket);
        response.end('{"choices":[{}]}');
      }),
    );
    for (let count = 0; count < 20; count++) {
      await one.complete(CALL);
      // undici lets a connection rest for a turn of the loop.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sockets.size).toBe(1);
  });
});

describe('no answer at once', () => {
  test.each([
    ['no JSON', 'oops'],
    ['no object', '[]'],
    ['no choices', '{"id":"x"}'],
    ['empty choices', '{"choices":[]}'],
    ['half of it', '{"choices":[{"mess'],
  ])('is what is %s', async (_, body) => {
    expect(await refusalOf(await json(200, body))).toMatchObject({ failure: 'unavailable', details: { status: 200 } });
  });

  test('is what has no end', async () => {
    const part = 'x'.repeat(1 << 20);
    const url = await raw((_, response) => {
      const more = () => response.destroyed || response.write(part, more);
      more();
    });
    expect((await refusalOf(url)).message).toBe('OpenAI sent an answer beyond all bounds.');
  });

  test.each<[string, Behaviour, string]>([
    ['is cut', { cutAfter: 1 }, 'unavailable'],
    ['stays silent', { silent: 'before_headers' }, 'timeout'],
    ['falls silent', { silent: 'after_headers' }, 'timeout'],
    ['is refused a connection', { refuse: true }, 'unavailable'],
  ])('is one that %s', async (_, behaviour, failure) => {
    const { url, calls } = await upstream(behaviour);
    // Only who is silent is waited for: a busy machine may take longer to cut a connection.
    expect((await refusalOf(url, failure === 'timeout' ? 100 : undefined)).failure).toBe(failure);
    expect(calls).toHaveLength(1);
  });

  test('a signal leaves it', async () => {
    const fake = await upstream({ silent: 'before_headers' });
    const leaving = new AbortController();
    const waiting = provider(fake.url).complete({ ...CALL, signal: leaving.signal });
    const call = await fake.call(0);
    leaving.abort();
    await expect(waiting).rejects.toMatchObject({ failure: 'unavailable' });
    expect((await call.ended).endedBy).toBe('client_gone');
  });
});

describe('a refusal', () => {
  test.each([
    [400, 'refused'],
    [401, 'credentials'],
    [402, 'credentials'],
    [403, 'credentials'],
    [404, 'credentials'],
    [405, 'credentials'],
    [408, 'timeout'],
    [413, 'refused'],
    [422, 'refused'],
    [429, 'rate_limited'],
    [500, 'unavailable'],
    [502, 'unavailable'],
    [503, 'overloaded'],
    [504, 'timeout'],
    [529, 'overloaded'],
  ])('with status %i is %s', async (status, failure) => {
    expect(await refusalOf((await upstream({ status })).url)).toMatchObject({ failure, details: { provider: 'OpenAI', status } });
  });

  test("tells the provider's own words only where they are for the client", async () => {
    const error = { message: "Invalid 'top_p'.", type: 'invalid_request_error', param: 'top_p', code: 'invalid_value' };
    expect(await refusalOf(await json(400, { error }))).toMatchObject({
      message: error.message,
      details: { param: 'top_p', code: 'invalid_value' },
    });
    expect(await refusalOf(await json(500, { error }))).toMatchObject({ message: 'OpenAI failed to answer.' });
  });

  test.each([
    ['{"error":"plain words"}', 'plain words'],
    ['{"message":"vLLM","code":400}', 'vLLM'],
    ['{"detail":"FastAPI"}', 'FastAPI'],
    ['<html>', 'OpenAI refused the request.'],
    ['', 'OpenAI refused the request.'],
  ])('is read from %j', async (body, message) => {
    expect((await refusalOf(await json(400, body))).message).toBe(message);
  });

  test.each(['insufficient_quota', 'billing_hard_limit_reached'])('for want of our money is ours: %s', async (code) => {
    expect((await refusalOf(await json(429, { error: { code } }))).failure).toBe('credentials');
    expect((await refusalOf(await json(200, { error: { code } }))).failure).toBe('credentials');
  });

  test.each([
    ['seconds', { 'retry-after': '3' }, 3],
    ['milliseconds first', { 'retry-after': '9', 'retry-after-ms': '1200' }, 2],
    ['a past date', { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, 0],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
    ['nothing', {}, undefined],
  ])('says when to come back, in %s', async (_, headers, seconds) => {
    expect((await refusalOf(await json(429, {}, headers as Record<string, string>))).details.retryAfterSeconds).toBe(seconds);
  });

  test('with a future date as Retry-After', async () => {
    const date = new Date(Date.now() + 600_000).toUTCString();
    const seconds = (await refusalOf(await json(503, {}, { 'retry-after': date }))).details.retryAfterSeconds;
    expect(seconds).toBeGreaterThan(500);
    expect(seconds).toBeLessThanOrEqual(600);
  });

  test('is read no further than 64 KiB', async () => {
    const url = await raw((_, response) => {
      response.writeHead(500);
      const more = () => response.destroyed || response.write('x'.repeat(10_000), more);
      more();
    });
    expect(await refusalOf(url)).toMatchObject({ failure: 'unavailable', details: { status: 500 } });
  });

  test('to go elsewhere is not followed, and takes no key along', async () => {
    const seen: unknown[] = [];
    const elsewhere = await raw((request, response) => {
      seen.push(request.headers);
      response.end('{"choices":[{}]}');
    });
    for (const status of [301, 302, 307, 308]) {
      expect(await refusalOf(await json(status, '', { location: elsewhere }))).toMatchObject({
        failure: 'credentials',
        details: { status },
      });
    }
    expect(seen).toEqual([]);
  });
});
