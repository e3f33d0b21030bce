/** Requests that are wrong, in both dialects: what is said of them, and that they cost nothing. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.js';
import { type Customer, type Gateway, PROVIDER_KEY, startGateway } from '../support/gateway.js';
import { type ExpectedError, expectError, Questions } from './error-bodies.js';
import { type Asking, balanceOf, chat, chatPath, DIALECTS } from './http.js';

const PROMPT = 'canary-of-the-prompt';
const SECRET = 'canary0of0the0key00000000';
const BODY_MAX_BYTES = 20 * 1024 * 1024;

let upstream: FakeUpstream;
let gateway: Gateway;
let customer: Customer;
const questions = new Questions();

beforeAll(async () => {
  upstream = await startFakeUpstream();
  gateway = await startGateway({ upstream, env: { LOG_LEVEL: 'trace' } });
  customer = await gateway.admin.openCustomer();
});

afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

const authentication = (message: string | RegExp): ExpectedError => ({
  status: 401,
  type: 'authentication_error',
  code: 'invalid_api_key',
  message,
});
const invalid = (message: string | RegExp, param?: string): ExpectedError => ({
  status: 400,
  type: 'invalid_request_error',
  code: 'invalid_request',
  message,
  ...(param !== undefined && { param }),
  metadata: { error_type: 'invalid_request' },
});
const unsupported: ExpectedError = {
  status: 415,
  type: 'invalid_request_error',
  code: 'unsupported_media_type',
  message: /application\/json/,
};

describe.each(DIALECTS)('/%s', (dialect) => {
  /** Asks with a canary in prompt and key, and checks that nothing was charged, set aside or sent to the provider. */
  async function refuses(asking: Asking, expected: ExpectedError): Promise<void> {
    const before = await balanceOf(gateway, customer.key);
    const calls = upstream.calls.length;
    const answer = await questions.ask(gateway, chatPath(dialect), { method: 'POST', key: customer.key, ...asking });
    expectError(answer, dialect, expected);
    expect(await balanceOf(gateway, customer.key)).toEqual(before);
    expect(upstream.calls).toHaveLength(calls);
  }

  // What a stranger may learn is the documented error and no more; OpenRouter's form has metadata beside it.
  const metadata = dialect === 'v1' ? {} : { metadata: { error_type: 'authentication' } };
  const invalidKey = { ...authentication('Invalid API key'), ...metadata };
  const missingKey = { ...authentication(/^Missing API key/), ...metadata };

  it.each<[string, Asking, ExpectedError]>([
    ['no key', { key: undefined }, missingKey],
    ['a key in another scheme', { key: undefined, headers: { authorization: `Basic ${SECRET}` } }, missingKey],
    ['a key that is none of ours', { key: `sk-or-v1-${SECRET}` }, invalidKey],
    ['a key cut short', { key: `sk-mcp-${SECRET}` }, invalidKey],
    ['a key of nobody', { key: `sk-mcp-nobody00-${SECRET}` }, invalidKey],
    ['a strange X-API-Key', { key: undefined, headers: { 'x-api-key': `sk-mcp-nobody00-${SECRET}` } }, invalidKey],
  ])('refuses %s', async (_, asking, expected) => {
    await refuses({ body: chat(PROMPT), ...asking }, expected);
  });

  it('refuses a wrong secret of an account', async () => {
    await refuses({ key: `sk-mcp-${customer.userId}-${SECRET}`, body: chat(PROMPT) }, invalidKey);
  });

  it('refuses a key from the moment of its revocation', async () => {
    const { key, hash } = await gateway.admin.issueKey(customer.userId);
    const answered = await questions.ask(gateway, chatPath(dialect), { key, body: chat(PROMPT) });
    expect(answered.status).toBe(200);
    await gateway.admin.revokeKey(customer.userId, hash);
    await refuses({ key, body: chat(PROMPT) }, invalidKey);
  });

  it.each<[string, Asking, ExpectedError]>([
    ['malformed JSON', { body: `{"model": "gpt-4o-mini", "${PROMPT}` }, invalid('The body is not valid JSON')],
    ['an empty body', { body: '' }, invalid('The body is empty; send a JSON object')],
    ['a list', { body: '[]' }, invalid(/^The body: /)],
    ['a text', { body: `"${PROMPT}"` }, invalid(/^The body: /)],
    ['null', { body: 'null' }, invalid(/^The body: /)],
    ['nesting without end, which is counted', { body: deeplyNested('response_format') }, invalid(/./)],
    ['nesting without end, which is passed on', { body: deeplyNested('seed') }, invalid(/./)],
    ['plain text', { body: PROMPT, headers: { 'content-type': 'text/plain' } }, unsupported],
    [
      'JSON sent as a form',
      { body: chat(PROMPT), headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      unsupported,
    ],
    ['XML', { body: `<p>${PROMPT}</p>`, headers: { 'content-type': 'application/xml' } }, unsupported],
  ])('refuses %s in place of a JSON object', async (_, asking, expected) => {
    await refuses(asking, expected);
  });

  it.each<[string, object]>([
    ['model', { model: undefined }],
    ['model', { model: 5 }],
    ['model', { model: '' }],
    ['messages', { messages: undefined }],
    ['messages', { messages: [] }],
    ['messages', { messages: PROMPT }],
    ['messages[0]', { messages: [PROMPT] }],
    ['messages[0].role', { messages: [{ role: PROMPT, content: 'x' }] }],
    ['messages[0].content', { messages: [{ role: 'user' }] }],
    ['messages[1].content', { messages: [{ role: 'assistant' }, { role: 'user', content: 5 }] }],
    ['stream', { stream: PROMPT }],
    ['stream_options', { stream_options: true }],
    ['temperature', { temperature: PROMPT }],
    ['temperature', { temperature: 2.5 }],
    ['top_p', { top_p: -1 }],
    ['max_tokens', { max_tokens: 0 }],
    ['max_tokens', { max_tokens: 1.5 }],
    ['max_completion_tokens', { max_completion_tokens: PROMPT }],
    ['n', { n: 0 }],
    ['stop', { stop: 5 }],
    ['tools', { tools: {} }],
    ['tools[0].type', { tools: [{}] }],
  ])('names %s where %j is wrong', async (param, extra) => {
    await refuses({ body: chat(PROMPT, extra) }, invalid(new RegExp(`^"${param.replace(/[[\].]/g, '\\$&')}": `), param));
  });

  it('names the model that it does not know', async () => {
    const expected = { ...invalid(/^"model": "nobody\/nothing" is not a model/, 'model'), code: 'model_not_found' };
    await refuses({ body: chat(PROMPT, { model: 'nobody/nothing' }) }, expected);
  });

  it('refuses a body over the limit, also to a client that goes on sending it', async () => {
    const body = JSON.stringify(chat('x'.repeat(BODY_MAX_BYTES)));
    expect(await statusOf(chatPath(dialect), customer.key, body)).toBe(413);
  });

  it.each(['nothing', 'chat/completions'])('has no GET %s', async (path) => {
    const answer = await questions.ask(gateway, `/${dialect}/${path}?x=${SECRET}`, { key: customer.key });
    const message = `There is no GET /${dialect}/${path}`;
    const metadata = { error_type: 'not_found' };
    expectError(answer, dialect, { status: 404, type: 'not_found_error', code: 'not_found', message, metadata });
  });

  it('refuses an address that cannot be read', async () => {
    const answer = await questions.ask(gateway, `/${dialect}/models/%zz`, { key: customer.key });
    expectError(answer, dialect, { ...invalid(/./) });
  });
});

it('tells nobody a stack, a key, an address of a provider or a prompt', async () => {
  await questions.expectNothingTold(gateway, [PROMPT, SECRET, customer.key, PROVIDER_KEY, upstream.url]);
});

/** JSON that is read without recursion, and that nothing which recurses may be given. */
function deeplyNested(field: string): string {
  const depth = 100_000;
  const { messages, model } = chat(PROMPT);
  const nested = `${'['.repeat(depth)}${']'.repeat(depth)}`;
  return `{"model":${JSON.stringify(model)},"messages":${JSON.stringify(messages)},"${field}":${nested}}`;
}

/** Of a request whose body is sent whole before its answer is read. */
function statusOf(path: string, key: string, body: string): Promise<number | undefined> {
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    const asking = request(gateway.url + path, { method: 'POST', headers, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asking.once('error', reject);
    asking.end(body);
  });
}
