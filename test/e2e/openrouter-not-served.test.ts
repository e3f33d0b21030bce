/** What OpenRouter has and this gateway has not is said in words that a client can tell from a mistake in the path. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NOT_SERVED } from '../../src/openrouter/not-served.js';
import { type Gateway, startGateway } from '../support/gateway.js';
import { ask } from './http.js';

let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway();
});

afterAll(async () => {
  await gateway?.dispose();
});

const OPERATIONS = Object.entries(NOT_SERVED).flatMap(([path, methods]) =>
  methods.map((method): [string, string] => [method, path.replaceAll('*', 'some-id')]),
);

describe.each(['v1', 'api/v1'])('below /%s', (dialect) => {
  it('every operation that is not offered is 501, in the form of its dialect', async () => {
    for (const [method, path] of OPERATIONS) {
      const { status, json } = await ask(gateway, `/${dialect}${path}?a=b`, {
        method,
        ...(method === 'GET' ? {} : { body: {} }),
      });
      const form = dialect === 'v1' ? { type: 'server_error', code: 'not_implemented' } : { code: 501 };
      expect([method, path, status, json.error]).toEqual([
        method,
        path,
        501,
        { ...form, message: `${method} ${path} is not offered here`, metadata: { error_type: 'not_implemented' } },
      ]);
    }
  });

  it('what was taken away is 410', async () => {
    const { status, json } = await ask(gateway, `/${dialect}/credits/coinbase`, { body: {} });
    expect([status, json.error.code]).toEqual([410, dialect === 'v1' ? 'gone' : 410]);
  });

  it.each([
    ['GET', '/nothing'],
    ['GET', '/guardrails/a/b/c'],
    ['PUT', '/guardrails'],
    ['GET', '/guardrails/'],
    ['GET', '/chat/completions'],
    ['DELETE', '/keys'],
  ])('%s %s is not there', async (method, path) => {
    const { status, json } = await ask(gateway, `/${dialect}${path}`, { method });
    expect([status, json.error.message]).toEqual([404, `There is no ${method} /${dialect}${path}`]);
    expect(json.error.code).toBe(dialect === 'v1' ? 'not_found' : 404);
  });
});

it('no operation that is offered is in the list', async () => {
  for (const [method, path] of [
    ['GET', '/models'],
    ['GET', '/models/count'],
    ['GET', '/embeddings/models'],
    ['GET', '/providers'],
  ] as const) {
    expect(NOT_SERVED[path]?.includes(method) ?? false).toBe(false);
    expect((await ask(gateway, `/api/v1${path}`, { method })).status).toBe(200);
  }
});

it('with no provider configured, the demo provider is the one that is on, and serves every model', async () => {
  expect((await ask(gateway, '/v1/providers')).json.data).toMatchObject([
    { name: 'Demo', slug: 'demo', privacy_policy_url: null },
  ]);
  const { json } = await ask(gateway, '/v1/models/openai/gpt-4o-mini/endpoints');
  expect(json.data.endpoints.map(({ tag, status }: { tag: string; status: number }) => [tag, status])).toEqual([
    ['demo', 0],
    ['openai', -10],
  ]);
});
