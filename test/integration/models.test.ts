import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { OpenRouter } from '@openrouter/sdk';
import OpenAI from 'openai';
import { request } from 'undici';
import { type EventStoreNode, startEventStoreNode } from '../../src/embedded/event-store/node.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { AdministrationToken } from '../../src/http/administration.guard.js';
import { ApiErrorFilter } from '../../src/http/api-error.filter.js';
import { Authenticator, type Principal } from '../../src/http/authentication.js';
import { GatewayClock, SystemClock } from '../../src/http/clock.js';
import { IdempotentRequests, openIdempotentRequests } from '../../src/idempotency/index.js';
import { ModelsModule } from '../../src/models/index.js';
import { PricingModule } from '../../src/pricing/index.js';
import { SEED_CATALOGUE } from '../../src/pricing/seed.js';
import { RouteHealth, Routing } from '../../src/providers/index.js';

/** Those that write text: OpenRouter's list shows others only when asked. */
const WRITERS = SEED_CATALOGUE.filter(({ catalogue }) => catalogue.outputModalities.includes('text'));

class TestAuthenticator extends Authenticator {
  async authenticate(apiKey: string): Promise<Principal | undefined> {
    if (apiKey !== 'known') return undefined;
    return { accountId: 'a', keyId: 'k', kind: 'inference', tier: 'free', username: 'u', position: 0n };
  }
}

let dataDir: string;
let node: EventStoreNode;
let store: EventStore;
let app: NestFastifyApplication;
let url: string;
let routing: Routing;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'models-'));
  node = await startEventStoreNode({ dataDir });
  store = new EventStore(node.connectionString);
  routing = new Routing({ openai: { apiKey: 'sk-none' }, connectTimeoutMs: 1, idleTimeoutMs: 1 });
  const shared = [
    { provide: EventStore, useValue: store },
    { provide: GatewayClock, useClass: SystemClock },
    { provide: AdministrationToken, useValue: new AdministrationToken('admin-secret') },
    { provide: Authenticator, useClass: TestAuthenticator },
    { provide: Routing, useValue: routing },
    { provide: RouteHealth, useClass: RouteHealth },
    // Never asked: no request here carries an Idempotency-Key.
    { provide: IdempotentRequests, useFactory: () => openIdempotentRequests('postgres://127.0.0.1:1/none') },
  ];
  @Global()
  @Module({ providers: shared, exports: shared.map((each) => each.provide) })
  class SharedModule {}
  @Module({ imports: [SharedModule, PricingModule, ModelsModule] })
  class Application {}
  app = await NestFactory.create<NestFastifyApplication>(Application, new FastifyAdapter(), { logger: false });
  app.useGlobalFilters(new ApiErrorFilter());
  await app.listen(0, '127.0.0.1');
  url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
});

afterAll(async () => {
  await app.close();
  await routing.close();
  await store.close();
  await node.close();
  await rm(dataDir, { recursive: true });
});

const get = async (path: string) => {
  const { statusCode, body } = await request(`${url}${path}`);
  return { status: statusCode, json: (await body.json()) as { [name: string]: unknown } };
};
const put = async (path: string, json: unknown, token = 'admin-secret') => {
  const { statusCode, body } = await request(`${url}/api/v3/admin/models/${path}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(json),
  });
  return {
    status: statusCode,
    json: (await body.json()) as { [name: string]: unknown; error?: { code: string; param: string } },
  };
};

const stated = {
  name: 'Acme One',
  context_length: 8_000,
  max_completion_tokens: 1_000,
  aliases: ['one-latest'],
  prices: { prompt: '0.000001', completion: '0.000002' },
  routes: [{ provider: 'openai', upstream_model: 'acme-one' }],
};

describe('the list of models', () => {
  test("is read by OpenRouter's client, prices and all", async () => {
    const client = new OpenRouter({ apiKey: 'none', serverURL: `${url}/api/v1` });
    const page = await client.models.list();
    const { data, totalCount, links } = page.result;
    expect([totalCount, links, data.length]).toEqual([WRITERS.length, { next: null }, WRITERS.length]);
    expect(data.find(({ id }) => id === 'google/gemini-2.5-pro')).toMatchObject({
      pricing: {
        prompt: '0.00000125',
        completion: '0.00001',
        inputCacheRead: '0.000000125',
        overrides: [{ minPromptTokens: 200_000, prompt: '0.0000025', completion: '0.000015', inputCacheRead: '0.00000025' }],
      },
      contextLength: 1_048_576,
      topProvider: { maxCompletionTokens: 65_536, isModerated: false },
      reasoning: { mandatory: true, supportsMaxTokens: true },
    });
  });

  test('has models that embed, which have no answer to limit', async () => {
    expect((await get('/api/v1/model/openai/text-embedding-3-small')).json.data).toMatchObject({
      architecture: { modality: 'text->embeddings' },
      pricing: { prompt: '0.00000002', completion: '0' },
      top_provider: { max_completion_tokens: null },
    });
  });

  test("is read by OpenAI's client", async () => {
    const client = new OpenAI({ apiKey: 'none', baseURL: `${url}/v1` });
    const models = await client.models.list();
    expect(models.data.map(({ id, object, owned_by }) => [id, object, owned_by])).toContainEqual([
      'openai/gpt-4o',
      'model',
      'openai',
    ]);
    expect((await client.models.retrieve('openai/gpt-4o')).id).toBe('openai/gpt-4o');
    expect((await client.models.retrieve('gpt-4o')).id).toBe('openai/gpt-4o');
  });

  test('is the same in both dialects, but for models that write no text', async () => {
    expect(await get('/v1/models?output_modalities=text')).toEqual(await get('/api/v1/models'));
    expect(await get('/api/v1/models?output_modalities=all')).toEqual(await get('/v1/models'));
    expect((await get('/v1/models')).json.total_count).toBe(SEED_CATALOGUE.length);
    expect(await get('/api/v1/models/count')).toEqual({ status: 200, json: { data: { count: WRITERS.length } } });
    expect((await get('/api/v1/models/count?output_modalities=embeddings')).json).toEqual({
      data: { count: ((await get('/api/v1/embeddings/models')).json.data as object[]).length },
    });
  });

  test("links each model to its own object, in OpenRouter's form", async () => {
    const [first] = (await get('/api/v1/models')).json.data as { links: { details: string } }[];
    expect(await get((first as { links: { details: string } }).links.details)).toEqual({ status: 200, json: { data: first } });
  });

  test('is paged when asked, with the same filters on the next page', async () => {
    const ids = async (path: string) => {
      const { json } = await get(path);
      return [
        (json.data as { id: string }[]).map(({ id }) => id),
        json.total_count,
        (json.links as { next: string }).next,
      ] as const;
    };
    const [all] = await ids('/api/v1/models?model_authors=openai');
    const [first, total, next] = await ids('/api/v1/models?model_authors=openai&limit=2');
    expect([first, total]).toEqual([all.slice(0, 2), all.length]);
    expect(next).toBe('/api/v1/models?model_authors=openai&limit=2&offset=2');
    const [second] = await ids(next);
    expect(second).toEqual(all.slice(2, 4));
    expect((await ids(`/api/v1/models?model_authors=openai&offset=${all.length - 1}`)).slice(0, 3)).toEqual([
      all.slice(-1),
      all.length,
      null,
    ]);
    expect((await ids('/api/v1/models?offset=100000'))[0]).toEqual([]);
  });

  test("is walked through page by page by OpenRouter's client", async () => {
    const client = new OpenRouter({ apiKey: 'none', serverURL: `${url}/api/v1` });
    const seen: string[] = [];
    for await (const page of await client.models.list({ limit: 7 })) seen.push(...page.result.data.map(({ id }) => id));
    expect(seen).toEqual(WRITERS.map(({ catalogue }) => catalogue.id));
  });

  test.each([
    ['offset', '-1'],
    ['limit', '0'],
    ['limit', '1001'],
    ['sort', 'price'],
    ['context', 'long'],
    ['min_price', '1e3'],
    ['max_output_price', '-1'],
    ['min_age_days', '1.5'],
    ['input_modalities', 'text,smell'],
    ['output_modalities', 'thought'],
    ['zdr', 'yes'],
    ['region', 'moon'],
    ['q', 'a&q=b'],
  ])('refuses %s=%s and names it', async (name, value) => {
    for (const dialect of ['v1', 'api/v1']) {
      const { status, json } = await get(`/${dialect}/models?${name}=${value}`);
      expect([status, json.error]).toMatchObject([400, { param: name }]);
    }
  });

  test('is open to everybody, but that of a user needs a key', async () => {
    expect((await get('/api/v1/models/user')).status).toBe(401);
    const { statusCode, body } = await request(`${url}/api/v1/models/user`, { headers: { authorization: 'Bearer known' } });
    expect([statusCode, await body.json()]).toEqual([200, (await get('/api/v1/models')).json]);
    const client = new OpenRouter({ serverURL: `${url}/api/v1` });
    const page = await client.models.listForUser({ bearer: 'known' });
    expect(page.result.totalCount).toBe(WRITERS.length);
  });

  test('does not know every model', async () => {
    const { status, json } = await get('/v1/models/gpt-9');
    expect([status, json.error]).toMatchObject([404, { code: 'model_not_found', type: 'not_found_error' }]);
  });
});

describe('the endpoints of a model', () => {
  type Endpoints = { id: string; endpoints: { [name: string]: unknown }[] };
  const endpointsOf = async (path: string) => (await get(`/api/v1/models/${path}/endpoints`)).json.data as Endpoints;

  test('are its routes, on or off, with null where nothing was measured', async () => {
    const { id, endpoints } = await endpointsOf('openai/gpt-4o-mini');
    expect([id, endpoints.length]).toEqual(['openai/gpt-4o-mini', 1]);
    expect(endpoints[0]).toMatchObject({
      name: 'OpenAI | openai/gpt-4o-mini',
      tag: 'openai',
      provider_name: 'OpenAI',
      status: 0,
      pricing: { prompt: '0.00000015' },
      supports_implicit_caching: true,
      quantization: null,
      uptime_last_5m: null,
      uptime_last_30m: null,
      uptime_last_1d: null,
      latency_last_30m: null,
      throughput_last_30m: null,
    });
    expect(endpoints[0]?.supported_parameters).toContain('temperature');
    const off = await endpointsOf('google/gemini-2.5-pro');
    expect(off.endpoints).toMatchObject([{ provider_name: 'Google', tag: 'google', status: -10 }]);
  });

  test("are read by OpenRouter's client, by any name of the model", async () => {
    const client = new OpenRouter({ apiKey: 'none', serverURL: `${url}/api/v1` });
    for (const { catalogue } of WRITERS) {
      const [author, slug] = catalogue.id.split('/') as [string, string];
      const { data } = await client.endpoints.list({ author, slug });
      expect([data.id, data.endpoints.length]).toEqual([catalogue.id, catalogue.routes.length]);
      expect((await client.models.get({ author, slug })).data.id).toBe(catalogue.id);
    }
    const aliased = WRITERS.find(({ catalogue }) => catalogue.aliases.some((alias) => !alias.includes('/')));
    const { id, aliases } = (aliased as (typeof WRITERS)[number]).catalogue;
    expect((await endpointsOf(`${id.split('/')[0]}/${aliases[0]}`)).id).toBe(id);
  });

  test('are not found of a model that there is not', async () => {
    for (const path of ['models/openai/gpt-9/endpoints', 'model/openai/gpt-9', 'models/openai/gpt-9']) {
      expect((await get(`/v1/${path}`)).json.error).toMatchObject({ code: 'model_not_found', type: 'not_found_error' });
      expect((await get(`/api/v1/${path}`)).json.error).toMatchObject({ code: 404, metadata: { error_type: 'not_found' } });
    }
  });
});

test("the providers are those switched on, as OpenRouter's client reads them", async () => {
  const client = new OpenRouter({ apiKey: 'none', serverURL: `${url}/api/v1` });
  const { data } = await client.providers.list();
  expect(data).toMatchObject([{ name: 'OpenAI', slug: 'openai', privacyPolicyUrl: expect.stringContaining('https://') }]);
});

describe('PUT /api/v3/admin/models/:author/:slug', () => {
  test('publishes a model that is then in the list, and says the same twice', async () => {
    const first = await put('acme/one', stated);
    expect(first).toMatchObject({
      status: 200,
      json: {
        id: 'acme/one',
        price_version: 'acme/one@1',
        pricing: stated.prices,
        context_length: 8_000,
        architecture: { modality: 'text->text' },
      },
    });
    expect(await put('acme/one', stated)).toEqual(first);
    expect((await get('/v1/models/one-latest')).json).toMatchObject({ id: 'acme/one' });
    const { json } = await get('/v1/models');
    expect((json.data as { id: string }[]).at(-1)).toMatchObject({ id: 'acme/one' });
  });

  test('publishes new prices as the next version, in the list at once', async () => {
    await put('acme/two', { ...stated, aliases: [] });
    const { prices, ...rest } = stated;
    const second = await put('acme/two', { ...rest, aliases: [], pricing: { ...prices, prompt: '0.000004' } });
    expect(second.json.price_version).toBe('acme/two@2');
    const { json } = await get('/v1/models');
    expect((json.data as { id: string; pricing: object }[]).find(({ id }) => id === 'acme/two')?.pricing).toEqual({
      prompt: '0.000004',
      completion: '0.000002',
    });
  });

  test("publishes prices of every kind, which OpenRouter's client reads", async () => {
    const prices = {
      ...stated.prices,
      ...{ request: '0.001', web_search: '0.01', image_output: '0.00003', input_audio_cache: '0.0000001' },
      overrides: [
        { min_prompt_tokens: 1_000, prompt: '0.000002' },
        { utc_start: 1630, utc_end: '0030', utc_days: ['monday'], prompt: '0.0000005' },
      ],
    };
    const routes = [{ provider: 'my-cluster', upstream_model: 'one', context_length: 4_000, max_completion_tokens: 500 }];
    const more = { routes, default_parameters: { temperature: 0.6 }, output_modalities: ['text', 'image'] };
    expect(await put('acme/every', { ...stated, aliases: [], ...more, prices })).toMatchObject({ status: 200 });
    const { result } = await new OpenRouter({ apiKey: 'none', serverURL: `${url}/api/v1` }).models.list();
    expect(result.data.find(({ id }) => id === 'acme/every')).toMatchObject({
      pricing: {
        ...{ request: '0.001', webSearch: '0.01', imageOutput: '0.00003', inputAudioCache: '0.0000001' },
        overrides: [
          { minPromptTokens: 1_000, prompt: '0.000002' },
          { utcStart: 1630, utcEnd: 30, utcDays: ['monday'], prompt: '0.0000005' },
        ],
      },
      topProvider: { contextLength: 4_000, maxCompletionTokens: 500 },
      defaultParameters: { temperature: 0.6 },
    });
  });

  const free = { ...stated, aliases: [] };
  const { prices: _prices, ...unpriced } = free;
  test.each([
    ['no prices', unpriced, 'prices.prompt'],
    ['no price for the answer', { ...free, prices: { prompt: '0' } }, 'prices.completion'],
    ['the same in the other spelling', { ...unpriced, pricing: { prompt: '0' } }, 'pricing.completion'],
    ['a price as a number', { ...free, prices: { prompt: 0.000001, completion: '0' } }, 'prices.prompt'],
    ['a negative price', { ...free, prices: { prompt: '-1', completion: '0' } }, 'prices.prompt'],
    ['a price per image, which no formula charges', { ...free, prices: { ...stated.prices, image: '1' } }, 'prices.image'],
    [
      'half a window in the other spelling',
      { ...unpriced, pricing: { ...stated.prices, overrides: [{ utc_start: 100 }] } },
      'pricing.overrides[0].utc_end',
    ],
    [
      'an override for everything',
      { ...free, prices: { ...stated.prices, overrides: [{ prompt: '1' }] } },
      'prices.overrides[0]',
    ],
    ['no routes', { ...free, routes: [] }, 'routes'],
    ['no provider', { ...free, routes: [{ provider: 'X!', upstream_model: 'y' }] }, 'routes[0].provider'],
    ["another model's name", { ...free, aliases: ['gpt-4o'] }, 'aliases[0]'],
    ['a time in the past', { ...free, aliases: [], effective_at: '2020-01-01T00:00:00Z' }, 'effective_at'],
  ])('refuses %s and names the field', async (_, body, param) => {
    const { status, json } = await put('acme/three', body);
    expect([status, json.error?.code, json.error?.param]).toEqual([400, 'invalid_request', param]);
    expect((await get('/v1/models/acme/three')).status).toBe(404);
  });

  test('refuses whoever is not the administrator', async () => {
    expect((await put('acme/four', stated, 'sk-mcp-somebody')).status).toBe(401);
  });
});
