/** What calls would have cost by other prices, on a real store: golden amounts, and what cannot be known is listed. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { priceTable } from '../../src/pricing/index.js';
import { type ChargedCall, findCalls, TooManyCalls } from '../../src/repricing/charged-calls.js';
import { rateCall, ratingOf } from '../../src/repricing/rate-call.js';
import { whatIf } from '../../src/repricing/what-if.js';
import { CREDIT, MODEL, RepricingLedger } from '../support/repricing-ledger.js';

const OTHER = 'test/other';
let ledger: RepricingLedger;
let accountId: string;

beforeAll(async () => {
  ledger = await RepricingLedger.open();
  // G5 of the money rules: 3.00, 15.00 and 0.30 for a million.
  await ledger.publish({ prompt: '0.000003', completion: '0.000015', input_cache_read: '0.0000003' });
  await ledger.publish({ prompt: '0.000001', completion: '0.000001' }, OTHER);
  accountId = await ledger.openAccount({ amount: CREDIT });
  await ledger.call(accountId, 'g5', { input_uncached: 1_234, output_visible: 567, cache_read: 8_000 });
  await ledger.call(accountId, 'second', { input_uncached: 1 });
  await ledger.call(accountId, 'other', { input_uncached: 10, output_visible: 10 }, { model: OTHER });
});
afterAll(async () => {
  await ledger?.close();
});

const found = (selection: object, max = 100) => findCalls(ledger.desk.store, accountId, selection, max);
const calls = async (selection: object = {}): Promise<readonly ChargedCall[]> => (await found(selection)).calls;

test('calls are compared exactly, rounded once each, and summed by model', async () => {
  const version = await ledger.publish({ prompt: '0.0000000005', completion: '0', input_cache_read: '0.0000003' });
  const rating = ratingOf(ledger.desk.prices, version);
  if (!rating) throw new Error('not published');
  const compared = whatIf(await calls(), rating);
  expect(compared).toMatchObject({
    calls: [
      {
        generation_id: 'g5',
        charged: { exact: '0.014607', cost: '0.014607' },
        other: { exact: '0.002400617', cost: '0.002400617' },
        difference: { exact: '-0.012206383', cost: '-0.012206383' },
      },
      { generation_id: 'second', other: { exact: '0.0000000005', cost: '0.000000001' }, difference: { cost: '-0.000002999' } },
      { generation_id: 'other', other: { exact: '0.000000005', cost: '0.000000005' } },
    ],
    not_rated: [],
    by_model: [
      { model: MODEL, calls: 2, charged: { cost: '0.01461' }, other: { exact: '0.0024006175', cost: '0.002400618' } },
      { model: OTHER, calls: 1, difference: { cost: '-0.000019995' } },
    ],
    total: { calls: 3, charged: { cost: '0.01463' }, other: { exact: '0.0024006225', cost: '0.002400623' } },
  });
  expect(whatIf(await calls(), rating)).toEqual(compared);
});

test('calls are selected by name, by the time of their charge, and by model', async () => {
  const ids = async (selection: object) => (await calls(selection)).map(({ generationId }) => generationId);
  const [first, second] = await calls();
  expect(await ids({ generationIds: ['other', 'g5'] })).toEqual(['g5', 'other']);
  expect(await ids({ from: second?.settledAt })).toEqual(['second', 'other']);
  expect(await ids({ from: first?.settledAt, until: second?.settledAt })).toEqual(['g5']);
  expect(await ids({ model: OTHER })).toEqual(['other']);
  expect((await found({ generationIds: ['g5', 'nothing'] })).notFound).toEqual(['nothing']);
  await expect(found({}, 2)).rejects.toBeInstanceOf(TooManyCalls);
});

test('a price by the time of day is that of the moment of the call', async () => {
  const [call] = await calls();
  if (!call) throw new Error('no call');
  const prices = priceTable({
    prompt: '0.000001',
    completion: '0',
    input_cache_read: '0',
    overrides: [{ prompt: '0.000002', utc_start: 1200, utc_end: 1300 }],
  } as never);
  const cost = (about: Partial<ChargedCall>) => rateCall({ ...call, ...about }, { prices, formulaVersion: 'usage@2' });
  expect(cost({})).toMatchObject({ rounded: 2_468_000n });
  expect(cost({ pricedAt: '2026-06-01T13:00:00.000Z' })).toMatchObject({ rounded: 1_234_000n });
  expect(cost({ reservedAt: undefined })).toBe('moment_unknown');
});

test('what a version cannot price, or its formula does not know, is not guessed', async () => {
  const [call] = await calls();
  if (!call) throw new Error('no call');
  const published = { prompt: '0.000001', completion: '0.000001' } as never;
  const by = (formulaVersion: 'usage@1' | 'usage@2', about: Partial<ChargedCall>) =>
    rateCall({ ...call, ...about }, { prices: priceTable(published, formulaVersion), formulaVersion });
  expect(by('usage@2', { classes: { input_smell: 1 } })).toBe('class_unknown');
  expect(by('usage@2', { formulaVersion: 'usage@9' })).toBe('formula_unknown');
  expect(by('usage@1', { classes: { input_uncached: 1, output_image: 2 } })).toBe('class_unknown_to_formula');
  expect(by('usage@2', { classes: { input_uncached: 1, output_image: 2 } })).toMatchObject({ rounded: 3_000n });
  expect(by('usage@1', { classes: { input_uncached: 1, output_image: 0 } })).toMatchObject({ rounded: 1_000n });
});

test('a fee by the call is due for each that reached a provider', async () => {
  const [call] = await calls({ generationIds: ['second'] });
  if (!call) throw new Error('no call');
  const prices = priceTable({ prompt: '0', completion: '0', request: '0.01' } as never);
  expect(rateCall(call, { prices, formulaVersion: 'usage@2' })).toMatchObject({ rounded: 10_000_000n });
  expect(rateCall({ ...call, reached: false }, { prices, formulaVersion: 'usage@2' })).toMatchObject({ rounded: 0n });
});
