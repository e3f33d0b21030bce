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
import { GatewayClock, SystemClock } from '../../src/http/clock.js';
import { IdempotentRequests, openIdempotentRequests } from '../../src/idempotency/index.js';
import { ModelsModule } from '../../src/models/index.js';
import { PricingModule } from '../../src/pricing/index.js';
import { SEED_CATALOGUE } from '../../src/pricing/seed.js';

let dataDir: string;
let node: EventStoreNode;
let store: EventStore;
let app: NestFastifyApplication;
let url: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'models-'));
  node = await startEventStoreNode({ dataDir });
  store = new EventStore(node.connectionString);
  const shared = [
    { provide: EventStore, useValue: store },
    { provide: GatewayClock, useClass: SystemClock },
    { provide: AdministrationToken, useValue: new AdministrationToken('admin-secret') },
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
    expect([totalCount, links, data.length]).toEqual([SEED_CATALOGUE.length, { next: null }, SEED_CATALOGUE.length]);
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

  test('is the same in both dialects', async () => {
    expect(await get('/v1/models')).toEqual(await get('/api/v1/models'));
    expect(await get('/api/v1/models/count')).toEqual({ status: 200, json: { data: { count: SEED_CATALOGUE.length } } });
  });

  test("links each model to its own object, in OpenRouter's form", async () => {
    const [first] = (await get('/api/v1/models')).json.data as { links: { details: string } }[];
    expect(await get((first as { links: { details: string } }).links.details)).toEqual({ status: 200, json: { data: first } });
  });

  test('does not know every model', async () => {
    const { status, json } = await get('/v1/models/gpt-9');
    expect([status, json.error]).toMatchObject([404, { code: 'model_not_found', type: 'not_found_error' }]);
  });
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

  const free = { ...stated, aliases: [] };
  const { prices: _prices, ...unpriced } = free;
  test.each([
    ['no prices', unpriced, 'prices.prompt'],
    ['no price for the answer', { ...free, prices: { prompt: '0' } }, 'prices.completion'],
    ['the same in the other spelling', { ...unpriced, pricing: { prompt: '0' } }, 'pricing.completion'],
    ['a price as a number', { ...free, prices: { prompt: 0.000001, completion: '0' } }, 'prices.prompt'],
    ['a negative price', { ...free, prices: { prompt: '-1', completion: '0' } }, 'prices.prompt'],
    ['a price per request, which no formula charges', { ...free, prices: { ...stated.prices, request: '1' } }, 'prices.request'],
    ['no routes', { ...free, routes: [] }, 'routes'],
    ['an unknown provider', { ...free, routes: [{ provider: 'x', upstream_model: 'y' }] }, 'routes[0].provider'],
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
