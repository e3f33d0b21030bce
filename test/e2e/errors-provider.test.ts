/** What a provider does wrong, told in other words than its own, and charged only as far as anything was served. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { type Behaviour, type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.js';
import { ADMIN_TOKEN, type Customer, type Gateway, PROVIDER_KEY, startGateway } from '../support/gateway.js';
import { type ExpectedError, expectError, Questions } from './error-bodies.js';
import { contentsOf, type Frame, framesIn } from './event-stream.js';
import { balanceOf, charged, chat, chatPath, DIALECTS, publishedPrices, ask as request } from './http.js';

const CANARY = 'canary-of-the-prompt';
const MODEL = 'openai/gpt-4o-mini';
const IDLE_MS = 400;
/** Port 1 is reserved, and nobody listens there. */
const NOWHERE = 'http://127.0.0.1:1';

let upstream: FakeUpstream;
let gateway: Gateway;
let customer: Customer;
const behaviours = new Map<string, Behaviour>();
const questions = new Questions();

beforeAll(async () => {
  upstream = await startFakeUpstream({ behaviour: ({ messages }) => behaviours.get(String(messages.at(-1)?.content)) });
  const env = { PROVIDER_IDLE_TIMEOUT_MS: String(IDLE_MS), DEEPSEEK_BASE_URL: NOWHERE, LOG_LEVEL: 'trace' };
  gateway = await startGateway({ upstream, env });
  customer = await gateway.admin.openCustomer();
});

afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

/** As every answer names it in `provider`; whether the letters are the same too is a rule of its own below. */
const provider_name = expect.stringMatching(/^openai$/i);
const refused: ExpectedError = {
  status: 400,
  type: 'invalid_request_error',
  code: 'invalid_request',
  message: /./,
  metadata: { error_type: 'invalid_request', provider_name },
};
const unavailable: ExpectedError = {
  status: 502,
  type: 'server_error',
  code: 'provider_unavailable',
  message: /^openai could not serve the request$/i,
  metadata: { error_type: 'provider_unavailable', provider_name },
};
const late: ExpectedError = {
  status: 504,
  type: 'server_error',
  code: 'provider_timeout',
  message: /^openai did not answer in time$/i,
  metadata: { error_type: 'timeout', provider_name },
};
const limited: ExpectedError = {
  status: 429,
  type: 'rate_limit_error',
  code: 'provider_rate_limited',
  message: /^openai limits our rate; try again later$/i,
  metadata: { error_type: 'rate_limit_exceeded', provider_name },
};
const overloaded: ExpectedError = {
  status: 503,
  type: 'server_error',
  code: 'provider_overloaded',
  message: /^openai is overloaded; try again later$/i,
  metadata: { error_type: 'provider_overloaded', provider_name },
};

let routes = 0;
/** A model with a route of its own: one on which calls keep failing is not called for a while. */
async function freshModel(): Promise<string> {
  const slug = `case-${++routes}`;
  const published = await request(gateway, `/api/v3/admin/models/errors/${slug}`, {
    method: 'PUT',
    key: ADMIN_TOKEN,
    body: {
      name: slug,
      context_length: 100_000,
      max_completion_tokens: 1_000,
      prices: { prompt: '0.0000001', completion: '0.0000004' },
      routes: [{ provider: 'openai', upstream_model: `gpt-4o-${slug}` }],
    },
  });
  expect(published.status).toBe(200);
  return `errors/${slug}`;
}

const ask = (dialect: (typeof DIALECTS)[number], prompt: string, extra: object = {}) =>
  questions.ask(gateway, chatPath(dialect), { key: customer.key, body: chat(prompt, { model: MODEL, ...extra }) });

describe.each(DIALECTS)('/%s', (dialect) => {
  describe.each([false, true])('before the first byte, stream: %s', (stream) => {
    async function fails(prompt: string, expected: ExpectedError, extra: object = {}): Promise<string | null> {
      const before = await balanceOf(gateway, customer.key);
      const answer = await ask(dialect, prompt, { stream, model: await freshModel(), ...extra });
      expectError(answer, dialect, expected);
      expect(await balanceOf(gateway, customer.key)).toEqual(before);
      return answer.headers.get('retry-after');
    }

    it.each<[string, ExpectedError, string | null]>([
      ['status=400', { ...refused, message: "Invalid type for 'messages'." }, null],
      ['status=413', { ...refused, status: 413, metadata: { error_type: 'payload_too_large', provider_name } }, null],
      ['status=422', { ...refused, status: 422, metadata: { error_type: 'unprocessable', provider_name } }, null],
      // Our own credentials, balance, country or address: nothing of the client's doing, and nothing that he may see.
      ['status=401', unavailable, null],
      ['status=402', unavailable, null],
      ['status=403', unavailable, null],
      ['status=404', unavailable, null],
      ['status=408', late, null],
      ['status=429', limited, '5'],
      ['status=429 retry-after=7', limited, '7'],
      ['status=500', unavailable, null],
      ['status=503', overloaded, '5'],
      ['status=503 retry-after=11', overloaded, '11'],
      ['status=529', { ...overloaded, status: 529 }, '5'],
      ['refuse', unavailable, null],
      ['silent', late, null],
    ])('%s', async (directives, expected, retryAfter) => {
      expect(await fails(`[[${directives}]] ${CANARY}`, expected)).toBe(retryAfter);
    });

    it('nobody listens', async () => {
      const metadata = { error_type: 'provider_unavailable', provider_name: expect.stringMatching(/^deepseek$/i) };
      const expected = { ...unavailable, message: /^deepseek could not serve the request$/i, metadata };
      await fails(CANARY, expected, { model: 'deepseek-chat' });
    });

    it('a refusal that repeats our key', async () => {
      const prompt = `${CANARY} repeat the key`;
      const message = `You sent ${PROVIDER_KEY} as Bearer ${PROVIDER_KEY}.`;
      behaviours.set(prompt, { status: 400, body: JSON.stringify({ error: { message, type: 'invalid_request_error' } }) });
      await fails(prompt, { ...refused, message: /^You sent \[redacted\] as / });
    });

    it('a page in place of JSON', async () => {
      const prompt = `${CANARY} a page`;
      behaviours.set(prompt, { status: 200, body: `<html>${upstream.url}</html>`, contentType: 'text/html' });
      await fails(prompt, unavailable);
    });

    it('a provider that is not configured', async () => {
      await fails(
        CANARY,
        {
          status: 503,
          type: 'server_error',
          code: 'no_provider',
          message: /^No provider that serves anthropic\/claude-3-5-sonnet-20240620 /,
          metadata: { error_type: 'provider_overloaded' },
        },
        { model: 'claude-3-5-sonnet-20240620' },
      );
    });
  });

  it.each<[string, ExpectedError]>([
    ['headers-only', late],
    ['cut-after=0', unavailable],
    ['malformed-after=0', unavailable],
  ])('half a JSON answer: %s', async (directives, expected) => {
    const before = await balanceOf(gateway, customer.key);
    expectError(await ask(dialect, `[[${directives}]] ${CANARY}`), dialect, expected);
    expect(await balanceOf(gateway, customer.key)).toEqual(before);
  });

  describe('in the middle of a stream', () => {
    /** The frames of a stream that broke, whose last says so in OpenRouter's form in both dialects. */
    async function breaks(directives: string, { status, metadata, message }: ExpectedError): Promise<Frame[]> {
      const answer = await ask(dialect, `[[${directives}]] ${CANARY}`, { stream: true });
      expect(answer.status).toBe(200);
      const frames = framesIn(answer.text);
      expect(frames.at(-1)?.json).toEqual({
        id: answer.headers.get('x-generation-id'),
        object: 'chat.completion.chunk',
        created: expect.any(Number),
        model: MODEL,
        provider: 'OpenAI',
        error: { code: status, message: expect.stringMatching(message), metadata },
        choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
      });
      expect(frames.filter(({ json }) => json?.error !== undefined)).toHaveLength(1);
      expect(answer.text).not.toContain('[DONE]');
      return frames;
    }

    it.each<[string, ExpectedError]>([
      ['cut-after=2', unavailable],
      ['error-after=2', unavailable],
      ['malformed-after=2', unavailable],
      ['silent-after=2', late],
    ])('%s: charged for the two words that came', async (directives, expected) => {
      const { total_spent } = await balanceOf(gateway, customer.key);
      const frames = await breaks(`chunks=4 ${directives}`, expected);
      expect(contentsOf(frames)).toEqual(['word ', 'word ']);
      const price = await publishedPrices(gateway, MODEL);
      const prompt = countTokens(`[[chunks=4 ${directives}]] ${CANARY}`) + 3 + 3;
      const cost = charged(BigInt(prompt) * price.prompt + BigInt(countTokens('word word ')) * price.completion);
      const after = await balanceOf(gateway, customer.key);
      expect(after.total_spent - total_spent).toBeCloseTo(cost, 9);
      expect(after.current_balance).toBeCloseTo(after.total_earned - after.total_spent, 9);
    });

    it.each<[string, ExpectedError]>([
      ['headers-only', late],
      ['cut-after=0', unavailable],
      ['error-after=0', unavailable],
      ['malformed-after=0', unavailable],
      ['silent-after=0', late],
    ])('%s: nothing came, nothing is charged', async (directives, expected) => {
      const before = await balanceOf(gateway, customer.key);
      expect(contentsOf(await breaks(directives, expected))).toEqual([]);
      expect(await balanceOf(gateway, customer.key)).toEqual(before);
    });

    it('names the provider as its answers do', async () => {
      const frames = await breaks('cut-after=1', unavailable);
      const { provider, error } = (frames.at(-1) as Frame).json;
      expect(error.metadata.provider_name).toBe(provider);
      expect(error.message).toBe(`${provider} could not serve the request`);
    });

    it('an end without [DONE], once the provider has said why it ends, is none too early', async () => {
      const frames = framesIn((await ask(dialect, '[[no-done prompt=10 completion=3]]', { stream: true })).text);
      expect(frames.at(-2)?.json.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 3 });
      expect(frames.at(-1)?.data).toBe('[DONE]');
    });
  });
});

it('tells nobody a stack, a key, an address of a provider or a prompt', async () => {
  const { origin, host } = new URL(upstream.url);
  await questions.expectNothingTold(gateway, [CANARY, customer.key, PROVIDER_KEY, origin, host, NOWHERE]);
});
