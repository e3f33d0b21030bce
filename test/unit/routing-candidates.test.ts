import { afterAll, describe, expect, test } from '@jest/globals';
import type { ChatRequest } from '../../src/completions/chat-request.js';
import { chatRequest } from '../../src/completions/chat-request.js';
import { type Candidate, candidatesFor, type Task } from '../../src/completions/routing/candidates.js';
import type { PricedModel } from '../../src/pricing/index.js';
import { ProviderError, RouteHealth, Routing } from '../../src/providers/index.js';

const access = { apiKey: 'key', baseUrl: 'http://127.0.0.1:1/v1' };
const times = { connectTimeoutMs: 1_000, idleTimeoutMs: 1_000 };
const compatible = [{ id: 'acme', name: 'Acme', ...access }];
const routing = new Routing({ openai: access, anthropic: access, gemini: access, compatible, ...times });
const nobody = new Routing({ deepseek: access, ...times });
afterAll(async () => {
  await routing.close();
  await nobody.close();
});

type Said = Partial<Omit<PricedModel, 'pricing'>> & { readonly pricing?: Partial<PricedModel['pricing']> };

const model = (id: string, said: Said): PricedModel =>
  ({ id, outputModalities: ['text'], supportedParameters: ['max_tokens', 'temperature'], ...said }) as PricedModel;
const priced = (prompt: string, completion: string, request?: string) => ({
  pricing: { prompt, completion, ...(request === undefined ? {} : { request }) },
});

const MODELS = [
  model('a/three', {
    ...priced('0.0000025', '0.00001', '0.01'),
    supportedParameters: ['max_tokens', 'temperature', 'reasoning', 'structured_outputs', 'top_k'],
    routes: [
      { provider: 'openai', upstreamModel: 'three' },
      { provider: 'acme', upstreamModel: 'three', quantization: 'fp8', dataCollection: 'deny' },
      { provider: 'gemini', upstreamModel: 'three', quantization: 'bf16' },
      { provider: 'deepseek', upstreamModel: 'three' },
    ],
  }),
  model('b/cheap', {
    ...priced('0.0000001', '0.0000002'),
    routes: [
      { provider: 'acme', upstreamModel: 'cheap' },
      { provider: 'openai', upstreamModel: 'cheap' },
    ],
  }),
  model('c/free', { ...priced('0', '0'), routes: [{ provider: 'acme', upstreamModel: 'free' }] }),
  model('d/named:nitro', { ...priced('1', '1'), routes: [{ provider: 'openai', upstreamModel: 'named' }] }),
  model('e/off', { ...priced('1', '1'), routes: [{ provider: 'deepseek', upstreamModel: 'off' }] }),
  model('f/embeds', {
    ...priced('0.000001', '0'),
    outputModalities: ['embeddings'],
    routes: [
      { provider: 'anthropic', upstreamModel: 'embeds' },
      { provider: 'openai', upstreamModel: 'embeds' },
    ],
  }),
];
const ALIASES: Readonly<Record<string, string>> = { three: 'a/three' };
const prices = { resolve: (name: string) => MODELS.find(({ id }) => id === (ALIASES[name] ?? name)) };

/** As clients write them; checked and parsed as they are. */
const asking = (request: object): ChatRequest =>
  chatRequest.parse({ messages: [{ role: 'user', content: 'hello' }], ...request });

interface Circumstances {
  readonly health?: RouteHealth;
  readonly task?: Task;
  readonly by?: Routing;
}

const found = (request: object, { health = new RouteHealth(), task = 'chat', by = routing }: Circumstances = {}) =>
  candidatesFor(asking(request), { prices, routing: by, health, task });

const named = ({ model: { id }, provider, variant }: Candidate) =>
  `${id.slice(0, 1)}:${provider.id}${variant.thinking ? ' thinking' : ''}`;

const of = (...args: Parameters<typeof found>): string =>
  found(...args)
    .map(named)
    .join(', ');

function refusalOf(...args: Parameters<typeof found>): unknown[] {
  try {
    return [of(...args)];
  } catch (error) {
    const { status, code } = error as { status: number; code: string };
    return [status, code];
  }
}

const ALL = 'a:openai, a:acme, a:gemini';

describe('the routes of a model', () => {
  test.each<[object, string]>([
    [{}, ALL],
    [{ order: [], only: [], ignore: [], quantizations: [] }, ALL],
    [{ order: null, only: null, ignore: null, quantizations: null, max_price: null, sort: null }, ALL],
    // order
    [{ order: ['gemini'] }, 'a:gemini, a:openai, a:acme'],
    [{ order: ['gemini', 'acme'] }, 'a:gemini, a:acme, a:openai'],
    [{ order: ['nobody', 'acme'] }, 'a:acme, a:openai, a:gemini'],
    [{ order: ['Acme'] }, 'a:acme, a:openai, a:gemini'],
    [{ order: ['ACME/turbo'] }, 'a:acme, a:openai, a:gemini'],
    [{ order: ['google'] }, 'a:gemini, a:openai, a:acme'],
    [{ order: ['google-ai-studio'] }, 'a:gemini, a:openai, a:acme'],
    // allow_fallbacks
    [{ allow_fallbacks: true }, ALL],
    [{ allow_fallbacks: null }, ALL],
    [{ allow_fallbacks: false }, 'a:openai'],
    [{ allow_fallbacks: false, order: [] }, 'a:openai'],
    [{ allow_fallbacks: false, order: ['acme'] }, 'a:acme'],
    [{ allow_fallbacks: false, order: ['gemini', 'acme'] }, 'a:gemini, a:acme'],
    [{ allow_fallbacks: false, order: ['nobody', 'acme'] }, 'a:acme'],
    [{ allow_fallbacks: false, ignore: ['openai'] }, 'a:acme'],
    [{ allow_fallbacks: false, only: ['gemini', 'acme'] }, 'a:acme'],
    // only and ignore
    [{ only: ['acme'] }, 'a:acme'],
    [{ only: ['gemini', 'openai'] }, 'a:openai, a:gemini'],
    [{ only: ['gemini', 'openai'], order: ['gemini'] }, 'a:gemini, a:openai'],
    [{ ignore: ['acme'] }, 'a:openai, a:gemini'],
    [{ ignore: ['OpenAI', 'Google'] }, 'a:acme'],
    [{ only: ['acme', 'openai'], ignore: ['openai'] }, 'a:acme'],
    // what is known of a route
    [{ data_collection: 'allow' }, ALL],
    [{ data_collection: 'deny' }, 'a:acme'],
    [{ quantizations: ['fp8'] }, 'a:acme'],
    [{ quantizations: ['bf16', 'fp8'] }, 'a:acme, a:gemini'],
    [{ quantizations: ['unknown'] }, 'a:openai'],
    // prices: a million tokens cost 2.5 and 10, a request 0.01
    [{ max_price: {} }, ALL],
    [{ max_price: { prompt: 2.5, completion: 10, request: 0.01 } }, ALL],
    [{ max_price: { prompt: '2.5', completion: '10.0' } }, ALL],
    // sort: one model has one price, and nobody has been called
    [{ sort: 'price' }, ALL],
    [{ sort: 'latency' }, ALL],
    [{ sort: 'throughput' }, ALL],
    [{ sort: 'exacto' }, ALL],
    [{ sort: { by: 'price', partition: 'none' } }, ALL],
    // of no meaning here
    [{ zdr: true, enforce_distillable_text: true }, ALL],
  ])('%j', (provider, expected) => {
    expect(of({ model: 'a/three', provider })).toBe(expected);
    expect(of({ model: 'three', provider })).toBe(expected);
  });

  test.each<[object]>([
    [{ only: ['nobody'] }],
    [{ ignore: ['openai', 'acme', 'gemini'] }],
    [{ only: ['acme'], ignore: ['acme'] }],
    [{ only: ['deepseek'] }],
    [{ allow_fallbacks: false, order: ['nobody'] }],
    [{ quantizations: ['int4'] }],
    [{ only: ['openai'], data_collection: 'deny' }],
    [{ max_price: { prompt: 2.49 } }],
    [{ max_price: { completion: '9.999999' } }],
    [{ max_price: { request: 0.009 } }],
    [{ max_price: { prompt: 0 } }],
  ])('nobody is left: %j', (provider) => {
    expect(refusalOf({ model: 'a/three', provider })).toEqual([404, 'no_endpoints']);
  });
});

describe('parameters that are required', () => {
  const provider = { require_parameters: true };
  test.each<[object, string]>([
    [{}, ALL],
    [{ max_tokens: 5, temperature: 1 }, ALL],
    [{ max_completion_tokens: 5 }, ALL],
    [{ temperature: null, seed: null }, ALL],
    [{ user: 'somebody', stream: true, metadata: {}, n: 1, usage: { include: true } }, ALL],
    [{ response_format: { type: 'json_object' } }, ALL],
    // OpenAI and servers like it know no top_k, or the one but not the other.
    [{ top_k: 5 }, 'a:acme, a:gemini'],
  ])('%j', (parameters, expected) => {
    expect(of({ model: 'a/three', provider, ...parameters })).toBe(expected);
  });

  test('what the model does not take leaves nobody; without the wish it is dropped', () => {
    expect(refusalOf({ model: 'a/three', provider, seed: 1 })).toEqual([404, 'no_endpoints']);
    expect(of({ model: 'a/three', seed: 1 })).toBe(ALL);
  });

  test('another model takes over where it takes what the first does not', () => {
    expect(of({ models: ['b/cheap', 'a/three'], provider, top_k: 5 })).toBe('a:acme, a:gemini');
  });
});

describe('several models', () => {
  const B = 'b:acme, b:openai';
  test.each<[object, string]>([
    [{ models: ['a/three', 'b/cheap'] }, `${ALL}, ${B}`],
    [{ models: ['b/cheap', 'a/three'] }, `${B}, ${ALL}`],
    [{ model: 'b/cheap', models: ['a/three'] }, `${B}, ${ALL}`],
    [{ model: 'a/three', models: null }, ALL],
    [{ model: null, models: ['a/three'] }, ALL],
    // Named twice is called once, by whatever name.
    [{ model: 'b/cheap', models: ['b/cheap', 'b/cheap'] }, B],
    [{ model: 'three', models: ['a/three'] }, ALL],
    [{ models: ['a/three:nitro', 'a/three:floor'] }, ALL],
    [{ models: ['a/three', 'a/three:thinking'], provider: { only: ['openai'] } }, 'a:openai, a:openai thinking'],
    // One that nobody serves here is passed over.
    [{ models: ['e/off', 'b/cheap'] }, B],
    // Preferences hold for each.
    [{ models: ['a/three', 'b/cheap'], provider: { order: ['openai'] } }, 'a:openai, a:acme, a:gemini, b:openai, b:acme'],
    [{ models: ['a/three', 'b/cheap'], provider: { only: ['gemini', 'acme'] } }, 'a:acme, a:gemini, b:acme'],
    [{ models: ['a/three', 'b/cheap'], provider: { max_price: { prompt: 1 } } }, B],
    [{ models: ['a/three', 'b/cheap'], provider: { allow_fallbacks: false } }, 'a:openai, b:acme'],
    [
      { models: ['a/three', 'b/cheap'], provider: { allow_fallbacks: false, order: ['openai', 'acme'] } },
      'a:openai, a:acme, b:openai, b:acme',
    ],
    // The order of the models is the caller's, unless he says that it is none.
    [{ models: ['a/three', 'b/cheap'], provider: { sort: 'price' } }, `${ALL}, ${B}`],
    [{ models: ['a/three', 'b/cheap'], provider: { sort: { by: 'price' } } }, `${ALL}, ${B}`],
    [{ models: ['a/three', 'b/cheap'], provider: { sort: { by: 'price', partition: 'model' } } }, `${ALL}, ${B}`],
    [{ models: ['a/three', 'b/cheap'], provider: { sort: { by: 'price', partition: 'none' } } }, `${B}, ${ALL}`],
    [
      {
        models: ['a/three', 'b/cheap', 'c/free'],
        provider: { sort: { by: 'price', partition: 'none' }, allow_fallbacks: false },
      },
      'c:acme, b:acme, a:openai',
    ],
    [
      { models: ['a/three', 'b/cheap'], provider: { sort: { by: 'price', partition: 'none' }, order: ['gemini'] } },
      'a:gemini, b:acme, b:openai, a:openai, a:acme',
    ],
  ])('%j', (request, expected) => {
    expect(of(request)).toBe(expected);
  });
});

describe('suffixes', () => {
  test.each<[string, string]>([
    ['a/three:nitro', ALL],
    ['a/three:floor', ALL],
    ['three:floor', ALL],
    ['a/three:thinking', 'a:openai thinking, a:acme thinking, a:gemini thinking'],
    ['c/free:free', 'c:acme'],
    ['c/free:nitro', 'c:acme'],
    // A published name that ends like a suffix.
    ['d/named:nitro', 'd:openai'],
    ['d/named:nitro:floor', 'd:openai'],
  ])('%s', (name, expected) => {
    expect(of({ model: name })).toBe(expected);
  });

  test.each(['a/three:free', 'a/three:', 'a/three:extended', 'a/three:nitro:floor', ':free', 'nobody', 'd/named'])(
    '%s is no model',
    (name) => {
      expect(refusalOf({ model: name })).toEqual([400, 'model_not_found']);
    },
  );

  test('one among several names that is nobody’s refuses the request', () => {
    expect(refusalOf({ models: ['a/three', 'nobody'] })).toEqual([400, 'model_not_found']);
  });

  test.each<[string, object, string]>([
    ['a/three:nitro', {}, 'a:gemini, a:openai, a:acme'],
    ['a/three:nitro', { sort: 'latency' }, 'a:acme, a:gemini, a:openai'],
    ['a/three', { sort: 'throughput' }, 'a:gemini, a:openai, a:acme'],
    ['a/three', { sort: { by: 'throughput', partition: 'model' } }, 'a:gemini, a:openai, a:acme'],
    ['a/three:nitro', { order: ['acme'] }, 'a:acme, a:gemini, a:openai'],
    ['a/three:nitro', { ignore: ['gemini'] }, 'a:openai, a:acme'],
    ['a/three:nitro', { allow_fallbacks: false }, 'a:gemini'],
  ])('%s with %j goes by what was measured', (name, provider, expected) => {
    expect(of({ model: name, provider }, { health: measured })).toBe(expected);
  });
});

/** A route's figures: milliseconds to the first sign, and tokens a second. */
const figures = (latency: number, throughput: number) => ({
  failing: false,
  latencyMs: [latency],
  tokensPerSecond: [throughput],
});
const measured = Object.assign(new RouteHealth(), {
  of: (providerId: string) => ({ openai: figures(900, 50), acme: figures(100, 10), gemini: figures(500, 200) })[providerId],
});

describe('what is failing', () => {
  async function failing(...ids: string[]): Promise<RouteHealth> {
    const health = new RouteHealth();
    for (const {
      provider,
      model: { id },
    } of found({ models: ['a/three', 'b/cheap'] })) {
      const upstreamModel = id.slice(2);
      const fail = () => Promise.reject(new ProviderError('unavailable', 'down', { provider: provider.name, status: 500 }));
      for (let calls = 0; calls < 20 && ids.includes(`${id.slice(0, 1)}:${provider.id}`); calls++)
        await health.call(provider, upstreamModel, fail).catch(() => undefined);
    }
    return health;
  }

  test.each<[string[], object, string]>([
    [['a:openai'], {}, 'a:acme, a:gemini, a:openai'],
    [['a:openai', 'a:acme'], {}, 'a:gemini, a:openai, a:acme'],
    [['a:openai', 'a:acme', 'a:gemini'], {}, ALL],
    [['a:openai'], { order: ['openai'] }, 'a:acme, a:gemini, a:openai'],
    [['a:openai'], { order: ['openai', 'acme'], allow_fallbacks: false }, 'a:acme, a:openai'],
    [['a:openai'], { allow_fallbacks: false }, 'a:acme'],
    [['a:openai'], { only: ['openai'] }, 'a:openai'],
    [['b:openai'], {}, ALL],
  ])('%j comes last: %j', async (ids, provider, expected) => {
    expect(of({ model: 'a/three', provider }, { health: await failing(...ids) })).toBe(expected);
  });

  test('comes last among the routes of its own model, which still comes first', async () => {
    const health = await failing('a:openai', 'a:acme', 'a:gemini');
    expect(of({ models: ['a/three', 'b/cheap'] }, { health })).toBe(`${ALL}, b:acme, b:openai`);
  });
});

describe('who cannot serve at all', () => {
  test.each<[object, Circumstances, unknown[]]>([
    [{ model: 'e/off' }, {}, [503, 'no_provider']],
    [{ model: 'b/cheap' }, { by: nobody }, [503, 'no_provider']],
    [{ models: ['e/off', 'b/cheap'], provider: { only: ['deepseek'] } }, {}, [404, 'no_endpoints']],
    [{ model: 'f/embeds' }, {}, [400, 'wrong_endpoint']],
    [{ model: 'a/three' }, { task: 'embeddings' }, [400, 'wrong_endpoint']],
    [{ models: ['a/three', 'f/embeds'] }, {}, [400, 'wrong_endpoint']],
    // Anthropic makes none.
    [{ model: 'f/embeds' }, { task: 'embeddings' }, ['f:openai']],
    [{ model: 'f/embeds', provider: { only: ['anthropic'] } }, { task: 'embeddings' }, [404, 'no_endpoints']],
    // Where no provider is configured at all, there is the demo.
    [{ model: 'a/three' }, { by: new Routing(times) }, ['a:demo']],
  ])('%j %#', (request, circumstances, expected) => {
    expect(refusalOf(request, circumstances)).toEqual(expected);
  });
});
