import { describe, expect, test } from '@jest/globals';
import { modelQueryOf, pageFrom } from '../../src/models/model-query.js';
import { type RouteFigures, RouteStatistics } from '../../src/models/route-statistics.js';
import { selectModels } from '../../src/models/select-models.js';
import type { PricedModel } from '../../src/pricing/index.js';

const DAY = 86_400;
const NOW = 1_000 * DAY;

const model = (id: string, about: Partial<PricedModel> = {}, prices: Partial<PricedModel['pricing']> = {}): PricedModel =>
  ({
    id,
    aliases: [],
    name: id,
    description: '',
    created: NOW,
    contextLength: 8_000,
    maxCompletionTokens: 1_000,
    inputModalities: ['text'],
    outputModalities: ['text'],
    supportedParameters: ['temperature'],
    tokenizer: 'GPT',
    routes: [{ provider: 'openai', upstreamModel: id }],
    imageTokensMax: 0,
    pricing: { prompt: '0.000001', completion: '0.000002', ...prices },
    ...about,
  }) as unknown as PricedModel;

const MODELS = [
  model('acme/small', { aliases: ['tiny-2024'], contextLength: 4_000 }, { prompt: '0', completion: '0' }),
  model('acme/large', {
    name: 'Acme: Grand',
    inputModalities: ['text', 'image'],
    supportedParameters: ['temperature', 'tools'],
    created: NOW - 10 * DAY,
  }),
  model(
    'other/claude',
    {
      tokenizer: 'Claude',
      routes: [{ provider: 'gemini', upstreamModel: 'c' }] as never,
      contextLength: 200_000,
      created: NOW - 5 * DAY,
    },
    { prompt: '0.000003', completion: '0.000015' },
  ),
  model('acme/vectors', { outputModalities: ['embeddings'] }, { prompt: '0.00000002', completion: '0' }),
];

/** Knows two of the routes. */
class SomeStatistics extends RouteStatistics {
  of(_: string, upstreamModel: string): RouteFigures | undefined {
    const p50 = { 'acme/small': 300, c: 100 }[upstreamModel];
    if (p50 === undefined) return undefined;
    const figures = { p50, p75: p50, p90: p50, p99: p50 };
    return { uptimeLast5m: null, uptimeLast30m: null, uptimeLast1d: null, latencyLast30m: figures, throughputLast30m: figures };
  }
}

const [SMALL, LARGE, CLAUDE, VECTORS] = MODELS.map(({ id }) => id);
const ids = (query: object) => selectModels(MODELS, modelQueryOf(query), NOW * 1_000, new SomeStatistics()).map(({ id }) => id);

describe('the models asked for', () => {
  test.each<[object, (string | undefined)[]]>([
    [{}, [SMALL, LARGE, CLAUDE, VECTORS]],
    [{ q: 'GRAND' }, [LARGE]],
    [{ q: 'tiny' }, [SMALL]],
    [{ q: 'acme/' }, [SMALL, LARGE, VECTORS]],
    [{ output_modalities: 'text' }, [SMALL, LARGE, CLAUDE]],
    [{ output_modalities: 'embeddings,image' }, [VECTORS]],
    [{ output_modalities: 'all' }, [SMALL, LARGE, CLAUDE, VECTORS]],
    [{ input_modalities: 'text, image' }, [LARGE]],
    [{ supported_parameters: 'tools,temperature' }, [LARGE]],
    [{ supported_parameters: 'tools,seed' }, []],
    [{ arch: 'claude' }, [CLAUDE]],
    [{ model_authors: 'other,nobody' }, [CLAUDE]],
    [{ providers: 'Google AI Studio' }, [CLAUDE]],
    [{ providers: 'google-ai-studio' }, [CLAUDE]],
    [{ providers: 'google,deepseek' }, [CLAUDE]],
    [{ providers: 'openai' }, [SMALL, LARGE, VECTORS]],
    [{ context: '8000' }, [LARGE, CLAUDE, VECTORS]],
    [{ max_price: '0' }, [SMALL]],
    [{ min_price: '1' }, [LARGE, CLAUDE]],
    [{ min_price: '0.02', max_price: '1' }, [LARGE, VECTORS]],
    [{ max_price: '0.019' }, [SMALL]],
    [{ min_output_price: '2', max_output_price: '2' }, [LARGE]],
    [{ min_age_days: '5' }, [LARGE, CLAUDE]],
    [{ max_age_days: '5' }, [SMALL, CLAUDE, VECTORS]],
    [{ category: 'programming', use_rss: 'false' }, [SMALL, LARGE, CLAUDE, VECTORS]],
    [{ distillable: 'false', zdr: 'false' }, [SMALL, LARGE, CLAUDE, VECTORS]],
  ])('%j', (query, expected) => {
    expect(ids(query)).toEqual(expected);
  });

  test.each([
    { zdr: 'true' },
    { region: 'eu' },
    { distillable: 'true' },
    { min_coding_index: '1' },
    { max_tool_success_rate: '1' },
  ])('are none where nobody knows it of any: %j', (query) => {
    expect(ids(query)).toEqual([]);
  });
});

describe('their order', () => {
  test.each<[string, (string | undefined)[]]>([
    ['newest', [SMALL, VECTORS, CLAUDE, LARGE]],
    ['context-high-to-low', [CLAUDE, LARGE, VECTORS, SMALL]],
    ['pricing-low-to-high', [SMALL, VECTORS, LARGE, CLAUDE]],
    ['pricing-high-to-low', [CLAUDE, LARGE, VECTORS, SMALL]],
    ['latency-low-to-high', [CLAUDE, SMALL, LARGE, VECTORS]],
    ['throughput-high-to-low', [SMALL, CLAUDE, LARGE, VECTORS]],
    ['most-popular', [SMALL, LARGE, CLAUDE, VECTORS]],
    ['intelligence-high-to-low', [SMALL, LARGE, CLAUDE, VECTORS]],
  ])('%s', (sort, expected) => {
    expect(ids({ sort })).toEqual(expected);
  });
});

describe('a page', () => {
  test.each([
    [{}, [1, 2, 3], undefined],
    [{ limit: 2 }, [1, 2], { offset: 2, limit: 2 }],
    [{ offset: 1 }, [2, 3], undefined],
    [{ offset: 1, limit: 2 }, [2, 3], undefined],
    [{ offset: 3, limit: 2 }, [], undefined],
  ])('%j', (page, shown, next) => {
    expect(pageFrom([1, 2, 3], page)).toEqual({ shown, ...(next && { next }) });
  });
});
