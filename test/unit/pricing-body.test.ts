/** What an administrator may say of a model, and which field is named where something is wrong with it. */
import { describe, expect, test } from '@jest/globals';
import { ApiError } from '../../src/http/api-error.js';
import { parsePublishModel } from '../../src/pricing/publish-model.body.js';

const route = { provider: 'openai', upstream_model: 'one' };
const stated = {
  name: 'One',
  context_length: 8_000,
  max_completion_tokens: 1_000,
  prices: { prompt: '0.1', completion: '0.2' },
  routes: [route],
};
const parsed = (more: object) => parsePublishModel('acme', 'one', { ...stated, ...more });
const refused = (more: object): string | undefined => {
  try {
    parsed(more);
  } catch (error) {
    if (error instanceof ApiError) return error.details.param;
    throw error;
  }
  return undefined;
};

describe('prices', () => {
  test('of every kind are taken, and times of the day as numbers or text', () => {
    const prices = {
      ...stated.prices,
      request: '0.01',
      web_search: '0.02',
      image_output: '0.03',
      input_audio_cache: '0.04',
      overrides: [
        { min_prompt_tokens: 200_000, prompt: '1' },
        { utc_start: 1630, utc_end: '0030', utc_days: ['monday'], completion: '1', request: '0' },
      ],
    };
    expect(parsed({ prices }).prices).toEqual({
      ...prices,
      overrides: [prices.overrides[0], { ...prices.overrides[1], utc_end: 30 }],
    });
  });

  test.each([
    ['an unknown price', { image: '1' }, 'prices.image'],
    ['an unknown condition', { overrides: [{ mood: 'bad' }] }, 'prices.overrides[0].mood'],
    ['no hour', { overrides: [{ utc_start: 2400, utc_end: 0 }] }, 'prices.overrides[0].utc_start'],
    ['no minute', { overrides: [{ utc_start: 0, utc_end: 60 }] }, 'prices.overrides[0].utc_end'],
    ['text that is no time', { overrides: [{ utc_start: '4:00', utc_end: 0 }] }, 'prices.overrides[0].utc_start'],
    ['part of a minute', { overrides: [{ utc_start: 0.5, utc_end: 0 }] }, 'prices.overrides[0].utc_start'],
    ['an unknown day', { overrides: [{ utc_days: ['caturday'] }] }, 'prices.overrides[0].utc_days[0]'],
    ['no day', { overrides: [{ utc_days: [] }] }, 'prices.overrides[0].utc_days'],
    ['no length', { overrides: [{ min_prompt_tokens: 0 }] }, 'prices.overrides[0].min_prompt_tokens'],
  ])('with %s are refused', (_, more, field) => {
    expect(refused({ prices: { ...stated.prices, ...more } })).toBe(field);
  });
});

describe('a route', () => {
  test('is that of any provider, and says what it serves and what it does with the data', () => {
    const said = { ...route, provider: 'my-cluster-2', quantization: 'fp8', context_length: 4_000, max_completion_tokens: 500 };
    expect(
      parsed({
        routes: [
          { ...said, data_collection: 'deny' },
          { ...route, data_collection: 'allow' },
        ],
      }).catalogue.routes,
    ).toEqual([
      {
        provider: 'my-cluster-2',
        upstreamModel: 'one',
        quantization: 'fp8',
        dataCollection: 'deny',
        contextLength: 4_000,
        maxCompletionTokens: 500,
      },
      { provider: 'openai', upstreamModel: 'one' },
    ]);
  });

  test.each([
    ['a provider in capitals', { provider: 'OpenAI' }, 'routes[0].provider'],
    ['a provider that begins with a digit', { provider: '1st' }, 'routes[0].provider'],
    ['a provider of 41 characters', { provider: 'a'.repeat(41) }, 'routes[0].provider'],
    ['an unknown quantization', { quantization: 'int3' }, 'routes[0].quantization'],
    ['another answer than yes or no', { data_collection: 'maybe' }, 'routes[0].data_collection'],
    ['no context', { context_length: 0 }, 'routes[0].context_length'],
    ['part of a token', { max_completion_tokens: 1.5 }, 'routes[0].max_completion_tokens'],
    ['something else', { region: 'eu' }, 'routes[0].region'],
  ])('with %s is refused', (_, more, field) => {
    expect(refused({ routes: [{ ...route, ...more }] })).toBe(field);
  });
});

describe('a model', () => {
  test('says how it is told to think, and how much it puts out by default', () => {
    const reasoning = { control: 'level', supported_efforts: ['high', 'low'], default_effort: 'high' };
    expect(parsed({ reasoning, default_completion_tokens: 500 }).catalogue).toMatchObject({
      reasoning: { control: 'level', mandatory: false, supportsMaxTokens: false, supportedEfforts: ['high', 'low'] },
      defaultCompletionTokens: 500,
    });
  });

  test('that is told by a budget takes one', () => {
    const takesBudget = (reasoning: object) => parsed({ reasoning }).catalogue.reasoning?.supportsMaxTokens;
    expect([{ control: 'budget' }, { control: 'budget', supports_max_tokens: false }, {}].map(takesBudget)).toEqual([
      true,
      false,
      false,
    ]);
  });

  test('may embed, and may say what it takes where nothing is said', () => {
    const default_parameters = { temperature: 0.6, top_k: 20 };
    expect(parsed({ output_modalities: ['embeddings'], default_parameters }).catalogue).toMatchObject({
      outputModalities: ['embeddings'],
      defaultParameters: default_parameters,
    });
  });

  test.each([
    ['an unknown way to be told', { reasoning: { control: 'telepathy' } }, 'reasoning.control'],
    ['a default above its most', { default_completion_tokens: 1_001 }, 'default_completion_tokens'],
    ['a default of nothing', { default_completion_tokens: 0 }, 'default_completion_tokens'],
    ['an unknown default', { default_parameters: { mood: 1 } }, 'default_parameters.mood'],
    ['a default that is no number', { default_parameters: { temperature: 'hot' } }, 'default_parameters.temperature'],
  ])('with %s is refused', (_, more, field) => {
    expect(refused(more)).toBe(field);
  });
});
