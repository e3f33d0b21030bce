import { describe, expect, test } from '@jest/globals';
import { type ChargedDay, compare, type StatedDay } from '../../src/reconciliation/domain/compare.js';
import { readCsvExport, readJsonExport } from '../../src/reconciliation/export-file.js';

const TOLERANCE = 100;
const stated = (day: string, about: Partial<StatedDay> = {}): StatedDay => ({
  model: 'm',
  day,
  requests: 10n,
  promptTokens: 1_000n,
  completionTokens: 500n,
  cost: 1_000_000_000n,
  ...about,
});
const charged = (day: string, about: Partial<ChargedDay> = {}): ChargedDay => ({
  model: 'm',
  day,
  requests: 10n,
  estimatedRequests: 0n,
  promptTokens: 1_000n,
  completionTokens: 500n,
  cost: 1_000_000_000n,
  ...about,
});
const classes = (theirs: readonly StatedDay[], ours: readonly ChargedDay[]) =>
  compare(theirs, ours, TOLERANCE).map((line) => [line.day, line.class]);

describe('what differs between a provider and the ledger has a name', () => {
  const DAY = '2026-03-01';
  test.each<[string, readonly StatedDay[], readonly ChargedDay[]]>([
    ['matched', [stated(DAY)], [charged(DAY)]],
    ['matched', [stated(DAY, { requests: undefined, cost: undefined })], [charged(DAY)]],
    ['matched', [stated(DAY, { requests: 0n, promptTokens: 0n, completionTokens: 0n, cost: 0n })], []],
    ['missing_here', [stated(DAY)], []],
    ['missing_at_provider', [], [charged(DAY)]],
    ['request_difference', [stated(DAY, { requests: 11n })], [charged(DAY)]],
    ['token_difference', [stated(DAY, { promptTokens: 1_001n })], [charged(DAY)]],
    ['token_difference', [stated(DAY, { completionTokens: 499n })], [charged(DAY)]],
    ['estimated_usage', [stated(DAY, { completionTokens: 499n })], [charged(DAY, { estimatedRequests: 1n })]],
    ['matched', [stated(DAY, { cost: 1_010_000_000n })], [charged(DAY)]],
    ['cost_difference', [stated(DAY, { cost: 1_010_000_001n })], [charged(DAY)]],
    ['cost_difference', [stated(DAY, { cost: 989_999_999n })], [charged(DAY)]],
  ])('%s', (expected, theirs, ours) => {
    expect(classes(theirs, ours)).toEqual([[DAY, expected]]);
  });

  test('late: a call over midnight that they count on the next day', () => {
    const [first, second] = ['2026-02-28', '2026-03-01'];
    expect(
      classes(
        [stated(first, { requests: 9n, promptTokens: 900n, completionTokens: 450n }), stated(second)],
        [charged(first), charged(second, { requests: 9n, promptTokens: 900n, completionTokens: 450n })],
      ),
    ).toEqual([
      [first, 'late'],
      [second, 'late'],
    ]);
    expect(classes([stated(second)], [charged(first)])).toEqual([
      [first, 'late'],
      [second, 'late'],
    ]);
    expect(classes([stated('2026-03-02')], [charged(first)]).map(([, each]) => each)).toEqual([
      'missing_at_provider',
      'missing_here',
    ]);
    expect(classes([stated(second, { promptTokens: 1_001n })], [charged(first)]).map(([, each]) => each)).toEqual([
      'missing_at_provider',
      'missing_here',
    ]);
  });

  test('lines come in the order of model and day, wherever they came from', () => {
    const lines = compare(
      [stated('2026-03-02', { model: 'b' }), stated('2026-03-01', { model: 'é' })],
      [charged('2026-03-01', { model: 'b' }), charged('2026-03-09', { model: 'a' })],
      TOLERANCE,
    );
    expect(lines.map(({ model, day }) => `${model} ${day}`)).toEqual([
      'a 2026-03-09',
      'b 2026-03-01',
      'b 2026-03-02',
      'é 2026-03-01',
    ]);
  });
});

describe('a file of a provider', () => {
  const read = (text: string) => readCsvExport(text, '2026-03-01', '2026-03-31');

  test('is read under the names that providers have for the same thing', () => {
    expect(
      read(
        '\uFEFFDate,Project,model_name,num_model_requests,input_tokens,output_tokens,cost_usd\r\n2026-03-01T00:00:00Z,x,"gpt, 5",3,10,20,0.0000000019\r\n',
      ),
    ).toEqual({
      rows: [{ day: '2026-03-01', model: 'gpt, 5', requests: 3n, promptTokens: 10n, completionTokens: 20n, cost: 1n }],
      bad: [],
    });
  });

  test('names every bad row, with its line and field', () => {
    const text = [
      'day,model,requests,prompt_tokens,completion_tokens,cost',
      '2026-03-01,a,1,2,3,0.1',
      '2026-03-32,a,1,2,3,0.1',
      '2026-02-28,a,1,2,3,0.1',
      '2026-03-02,,1,2,3,0.1',
      '2026-03-03,a,-1,2.5,x,1e3',
      '2026-03-01,a,1,2,3,0.1',
      '',
      '2026-02-29,a,1,2,3,0.1',
    ].join('\n');
    expect(read(text).bad.map(({ line, field }) => [line, field])).toEqual([
      [3, 'day'],
      [4, 'day'],
      [5, 'model'],
      [6, 'requests'],
      [6, 'prompt_tokens'],
      [6, 'completion_tokens'],
      [6, 'cost'],
      [7, 'model'],
      [9, 'day'],
    ]);
  });

  test.each([
    ['day,requests\n2026-03-01,1', 'model'],
    ['model,requests\na,1', 'day'],
    ['day,model\n2026-03-01,a', 'requests'],
  ])('without a column that it needs: %j', (text, field) => {
    expect(read(text)).toMatchObject({ rows: [], bad: [{ line: 1, field }] });
  });

  test('that is no CSV, or whose rows are uneven, is one bad row', () => {
    expect(read('day,model,requests\n2026-03-01,a,1\n2026-03-02,a').bad).toEqual([
      { line: 3, field: '', problem: 'is no CSV (CSV_RECORD_INCONSISTENT_COLUMNS)' },
    ]);
  });

  test('as JSON says the same', () => {
    expect(
      readJsonExport(
        [{ day: '2026-03-01', model: 'a', requests: 1, cost: '0.5' }, 7, { day: 1, model: 'a' }],
        '2026-03-01',
        '2026-03-01',
      ),
    ).toMatchObject({
      rows: [{ day: '2026-03-01', model: 'a', requests: 1n, promptTokens: undefined, cost: 500_000_000n }, {}],
      bad: [
        { line: 2, field: '' },
        { line: 3, field: 'day' },
      ],
    });
  });
});
