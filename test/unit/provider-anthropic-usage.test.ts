import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { completionTokens, promptTokens } from '../../src/pricing/index.js';
import { CumulativeUsage, reportedUsage } from '../../src/providers/anthropic/usage.js';

const read = (raw: unknown) => {
  const { usage, anomalies } = reportedUsage(raw) ?? { usage: {}, anomalies: ['none'] };
  return [usage, anomalies];
};
const base = { input_tokens: 10, output_tokens: 5 };
const plain = { input_uncached: 10, output_visible: 5 };
const split = (five: unknown, hour: unknown) => ({
  cache_creation: { ephemeral_5m_input_tokens: five, ephemeral_1h_input_tokens: hour },
});

describe('usage in classes that do not overlap', () => {
  test('input excludes both cache classes, output includes thinking', () => {
    expect(
      read({
        ...{ input_tokens: 10, cache_read_input_tokens: 300, cache_creation_input_tokens: 70, ...split(20, 50) },
        ...{ output_tokens: 90, output_tokens_details: { thinking_tokens: 60 } },
        ...{ service_tier: 'standard', speed: 'standard', inference_geo: 'global', server_tool_use: { web_search_requests: 0 } },
      }),
    ).toEqual([
      {
        ...{ input_uncached: 10, cache_read: 300, cache_write_5m: 20, cache_write_1h: 50 },
        ...{ output_visible: 30, output_reasoning: 60 },
      },
      [],
    ]);
  });

  test('null is none', () => {
    const nulls = { cache_read_input_tokens: null, cache_creation_input_tokens: null, cache_creation: null };
    expect(read({ ...base, ...nulls, output_tokens_details: null, server_tool_use: null, service_tier: null })).toEqual([
      plain,
      [],
    ]);
    expect(read({ input_tokens: 0, output_tokens: 0 })).toEqual([{ input_uncached: 0, output_visible: 0 }, []]);
  });

  test.each([undefined, null, 7, 'x'])('%j is no usage', (raw) => {
    expect(reportedUsage(raw)).toBeUndefined();
  });
});

describe('cache writes and their split', () => {
  test.each<[string, object, object, string[]]>([
    [
      'without a split are 5-minute writes',
      { cache_creation_input_tokens: 70, cache_creation: null },
      { cache_write_5m: 70 },
      [],
    ],
    ['with a split of nulls too', { cache_creation_input_tokens: 70, ...split(null, null) }, { cache_write_5m: 70 }, []],
    ['without a total are their split', split(20, 50), { cache_write_5m: 20, cache_write_1h: 50 }, []],
    [
      'with less in the split: the rest is dearer where some of it is',
      { cache_creation_input_tokens: 70, ...split(20, 10) },
      { cache_write_5m: 20, cache_write_1h: 50 },
      ['cache_creation:contradicts'],
    ],
    [
      'with a split of nothing: 5-minute writes',
      { cache_creation_input_tokens: 70, ...split(0, 0) },
      { cache_write_5m: 70 },
      ['cache_creation:contradicts'],
    ],
    [
      'with more in the split: the total counts, the dearer first',
      { cache_creation_input_tokens: 70, ...split(60, 50) },
      { cache_write_5m: 20, cache_write_1h: 50 },
      ['cache_creation:contradicts'],
    ],
    [
      'with a part that is no count: the dearer',
      { cache_creation_input_tokens: 70, ...split(20, -1) },
      { cache_write_1h: 70 },
      ['ephemeral_1h_input_tokens:negative', 'cache_creation:contradicts'],
    ],
  ])('%s', (_, figures, classes, anomalies) => {
    expect(read({ ...base, ...figures })).toEqual([{ ...plain, ...classes }, anomalies]);
  });
});

describe('figures that cannot be right', () => {
  const output = { output_visible: 5 };
  test.each<[string, object, object, string[]]>([
    ['no input', { output_tokens: 5, cache_read_input_tokens: 9 }, output, ['input_tokens:missing']],
    ['a negative input', { ...base, input_tokens: -1 }, output, ['input_tokens:negative']],
    ['a cache that is no count', { ...base, cache_read_input_tokens: 'x' }, output, ['cache_read_input_tokens:not_a_number']],
    ['negative writes', { ...base, cache_creation_input_tokens: -5 }, output, ['cache_creation_input_tokens:negative']],
    ['no output', { input_tokens: 10 }, { input_uncached: 10 }, ['output_tokens:missing']],
    ['a huge output', { ...base, output_tokens: 1e12 }, { input_uncached: 10 }, ['output_tokens:huge']],
    ['a fraction', { ...base, input_tokens: 9.1 }, plain, ['input_tokens:fractional']],
    ['more thought than said', { ...base, output_tokens_details: { thinking_tokens: 6 } }, plain, ['thinking_tokens:exceeds']],
  ])('%s', (_, raw, usage, anomalies) => {
    expect(read(raw)).toEqual([usage, anomalies]);
  });

  test.each<[object, string]>([
    [{ service_tier: 'priority' }, 'service_tier:priority'],
    [{ service_tier: 'batch' }, 'service_tier:batch'],
    [{ speed: 'fast' }, 'speed:fast'],
    [{ inference_geo: 'us' }, 'inference_geo:us'],
    [{ inference_geo: { 'a b': 1 } }, 'inference_geo:unknown'],
    [{ server_tool_use: { web_search_requests: 2 } }, 'server_tool_use:web_search_requests'],
  ])('%j, which has a price of its own, is named', (figures, anomaly) => {
    expect(read({ ...base, ...figures })).toEqual([plain, [anomaly]]);
  });

  test('whatever is reported, no class is negative or a fraction, and every count is billed', () => {
    const figure = fc.oneof(fc.nat(1_000), fc.constant(null), fc.constant(undefined));
    const names = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens', 'output_tokens', 'five', 'hour'];
    const figures = fc.record(Object.fromEntries(names.map((name) => [name, figure])));
    fc.assert(
      fc.property(figures, ({ five, hour, ...raw }) => {
        const { usage } = reportedUsage({ ...raw, ...split(five, hour) }) ?? { usage: {} };
        const written = raw['cache_creation_input_tokens'] ?? (five ?? 0) + (hour ?? 0);
        const input = raw['input_tokens'] == null ? 0 : raw['input_tokens'] + (raw['cache_read_input_tokens'] ?? 0) + written;
        expect([promptTokens(usage), completionTokens(usage)]).toEqual([input, raw['output_tokens'] ?? 0]);
      }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), fc.anything()), ({ five, hour, ...raw }) => {
        const { usage } = reportedUsage({ ...raw, ...split(five, hour) }) ?? { usage: {} };
        expect(Object.values(usage).every((tokens) => Number.isSafeInteger(tokens) && (tokens as number) >= 0)).toBe(true);
      }),
    );
  });
});

describe('figures of a stream', () => {
  const told = (start: unknown, ...updates: unknown[]) => {
    const cumulative = new CumulativeUsage();
    return [cumulative.start(start), ...updates.map((update) => cumulative.update(update))].map(
      (reported) => reported && [reported.usage, reported.anomalies],
    );
  };

  test('the start tells the input; its output is no total, so that a stream that breaks off is estimated', () => {
    expect(told({ input_tokens: 10, cache_read_input_tokens: 3, output_tokens: 1 })).toEqual([
      [{ input_uncached: 10, cache_read: 3 }, []],
    ]);
  });

  test('reports are cumulative: they are set, never added', () => {
    const [, first, second] = told({ ...base, output_tokens: 1 }, { input_tokens: 10, output_tokens: 5 }, { output_tokens: 9 });
    expect([first, second]).toEqual([
      [plain, []],
      [{ input_uncached: 10, output_visible: 9 }, []],
    ]);
  });

  test('null leaves what was said before', () => {
    const start = { input_tokens: 10, cache_read_input_tokens: 3, cache_creation_input_tokens: 4, ...split(0, 4) };
    const nulls = { input_tokens: null, cache_read_input_tokens: null, cache_creation_input_tokens: null, ...split(null, null) };
    expect(told(start, { ...nulls, output_tokens: 5 })[1]).toEqual([{ ...plain, cache_read: 3, cache_write_1h: 4 }, []]);
  });

  test('a split told only at the end is taken', () => {
    const end = { input_tokens: 20, cache_read_input_tokens: 80, output_tokens: 5 };
    expect(told({ input_tokens: 100, output_tokens: 0 }, end)[1]).toEqual([
      { input_uncached: 20, cache_read: 80, output_visible: 5 },
      [],
    ]);
    expect(told({ input_tokens: 0 }, end)[1]?.[0]).toEqual({ input_uncached: 20, cache_read: 80, output_visible: 5 });
    expect(told(undefined, end)).toEqual([undefined, [{ input_uncached: 20, cache_read: 80, output_visible: 5 }, []]]);
  });

  test('a later report of less is not believed', () => {
    expect(told({ input_tokens: 100, ...split(0, 7) }, { input_tokens: 0, output_tokens: 9 }, { output_tokens: 2 })[2]).toEqual([
      { input_uncached: 100, cache_write_1h: 7, output_visible: 9 },
      ['input:shrinks', 'output_tokens:shrinks'],
    ]);
  });

  test('an end without figures leaves the output to be estimated', () => {
    expect(told({ input_tokens: 10, output_tokens: 1 }, undefined)[1]).toEqual([
      { input_uncached: 10 },
      ['output_tokens:missing'],
    ]);
    expect(told(undefined, null)).toEqual([undefined, undefined]);
  });
});
