/** Settlements at prices of every kind, sealed by somebody who can, true and false: the auditor computes each cost anew. */
import { describe, expect, test } from '@jest/globals';
import { LedgerVerification } from '../../src/audit/verify-ledger.js';
import { costOf, costToJson, type PublishedPrices, priceTable, type Usage } from '../../src/pricing/index.js';
import { type Claim, HOUR, iso, opened, START } from '../support/claimed-account.js';
import { PRICE, SealedStream } from '../support/sealed-stream.js';

const nano = (amount: number) => `0.${String(amount).padStart(9, '0')}`;
const PRICES: PublishedPrices = {
  prompt: nano(8),
  completion: nano(16),
  input_cache_read: nano(2),
  audio: nano(9),
  input_audio_cache: nano(3),
  image_output: nano(40),
  request: nano(500),
  web_search: nano(100),
};
/** START is midnight: the reservation of a claim is made at 04:00 of a Thursday, and settled at 05:00. */
const RESERVED = START + 4 * HOUR;
const windows: PublishedPrices = {
  ...PRICES,
  overrides: [
    { utc_start: 330, utc_end: 430, prompt: nano(4) },
    { utc_start: 2300, utc_end: 400, completion: nano(1) },
    { utc_days: ['friday'], prompt: nano(1) },
    { min_prompt_tokens: 100, prompt: nano(20), request: nano(600) },
  ],
};

const served = [{ provider: 'openai', upstreamModel: 'm', status: 200 }];
const settlementOf = (usage: Usage, prices: PublishedPrices, at?: number, formulaVersion: 'usage@1' | 'usage@2' = 'usage@2') => ({
  cost: costToJson(costOf(usage, priceTable(prices, formulaVersion), at)),
  usage: { classes: usage, source: 'provider' },
  priceVersion: PRICE.version,
  formulaVersion,
  attempts: served,
  ...(at === undefined ? {} : { pricedAt: iso(at) }),
});

type Settlement = ReturnType<typeof settlementOf>;

function claim(settlement: Settlement | Omit<Settlement, 'pricedAt'>): Claim {
  const cost = Number(settlement.cost.rounded);
  return opened()
    .granted('A', 1_000_000)
    .reserved('r', { A: 100_000 })
    .settled('r', { A: cost }, { A: 100_000 - cost }, settlement);
}

async function problemsOf(prices: PublishedPrices, claimed: Claim, formulaVersion = 'usage@2'): Promise<string[]> {
  const verification = new LedgerVerification();
  const before = { revision: -1n, hash: '0'.repeat(64), position: 0n };
  const published = { model: 'm', priceVersion: PRICE.version, effectiveAt: iso(START), formulaVersion, prices };
  verification.take(new SealedStream(PRICE.stream, before).add('PricesPublished', published, 'p', START));
  for (const event of claimed.events) verification.take(event);
  const { problems } = await verification.end(async function* () {
    yield* claimed.events;
  }, claimed.at);
  return problems.map(({ rule, text }) => `${rule} ${text}`);
}

const everything: Usage = {
  input_uncached: 10,
  cache_read: 11,
  cache_read_audio: 12,
  input_audio: 13,
  output_visible: 14,
  output_reasoning: 15,
  output_image: 16,
  requests: 1,
  web_searches: 2,
};

describe('nothing is found in a settlement', () => {
  test('of every class, with its fees', async () => {
    expect(await problemsOf(PRICES, claim(settlementOf(everything, PRICES)))).toEqual([]);
  });

  test('of usage@1, which knows none of these prices', async () => {
    const settlement = settlementOf(everything, PRICES, undefined, 'usage@1');
    expect(settlement.cost.rounded).not.toBe(settlementOf(everything, PRICES).cost.rounded);
    expect(await problemsOf(PRICES, claim(settlement), 'usage@1')).toEqual([]);
  });

  test.each([
    ['inside a window', { ...everything }, RESERVED],
    ['in the last minute of a window over midnight', { ...everything }, RESERVED - 1],
    ['of a long prompt inside a window', { ...everything, cache_read: 100 }, RESERVED],
  ])('priced %s', async (_, usage, at) => {
    expect(await problemsOf(windows, claim(settlementOf(usage, windows, at)))).toEqual([]);
  });

  test('of a call that never reached a provider, and so has no request', async () => {
    const { requests: _requests, ...unasked } = everything;
    expect(await problemsOf(PRICES, claim({ ...settlementOf(unasked, PRICES), attempts: [] }))).toEqual([]);
  });
});

describe('by rule 7 is found', () => {
  const found = async (prices: PublishedPrices, settlement: Parameters<typeof claim>[0], formulaVersion?: string) =>
    (await problemsOf(prices, claim(settlement), formulaVersion)).join('\n');
  const later = RESERVED + HOUR / 2;

  test('a price of another window than that of the stated moment', async () => {
    const wrong = { ...settlementOf(everything, windows, later), pricedAt: iso(RESERVED) };
    expect(await found(windows, wrong)).toMatch(/^7 the exact cost is/m);
  });

  test('a price of a window whose minute has passed', async () => {
    const wrong = { ...settlementOf(everything, windows, RESERVED - 1), pricedAt: iso(RESERVED) };
    expect(await found(windows, wrong)).toMatch(/^7 the exact cost is/m);
  });

  test('a price of another day', async () => {
    const friday = settlementOf(everything, windows, RESERVED + 24 * HOUR);
    expect(await found(windows, { ...friday, pricedAt: iso(RESERVED) })).toMatch(/^7 the exact cost is/m);
  });

  test('a cheaper moment than that of the reservation, in the past or to come', async () => {
    const another = '7 it is priced at another moment than it was reserved at';
    expect(await found(windows, settlementOf(everything, windows, RESERVED - 30 * 60_000))).toBe(another);
    expect(await found(windows, settlementOf(everything, windows, RESERVED + 30 * 60_000))).toBe(another);
    expect(await found(windows, settlementOf(everything, windows, RESERVED + 24 * HOUR))).toBe(
      `7 it is priced at a moment that has not come\n${another}`,
    );
  });

  test('a price by the time of day without its moment, or with one that is none', async () => {
    const { pricedAt: _, ...without } = settlementOf(everything, windows, RESERVED);
    expect(await found(windows, without)).toContain('7 the cost cannot be computed: the price depends on the time');
    const no = { ...settlementOf(everything, windows, RESERVED), pricedAt: 'four in the morning' };
    expect(await found(windows, no)).toContain('is no moment');
  });

  test('the tier of a shorter prompt', async () => {
    const short = settlementOf(
      { ...everything, cache_read: 100 },
      { ...windows, overrides: windows.overrides?.slice(0, 3) ?? [] },
      RESERVED,
    );
    expect(await found(windows, short)).toMatch(/^7 the exact cost is/m);
  });

  test('a fee that is left out of the cost, or of the usage as well', async () => {
    const { requests: _requests, ...unasked } = everything;
    const free = settlementOf(unasked, PRICES);
    expect(await found(PRICES, { ...free, usage: { classes: everything, source: 'provider' } })).toMatch(/^7 the exact cost is/m);
    expect(await found(PRICES, free)).toBe('7 the request that reached a provider is not counted');
    const { web_search: _fee, ...searchesFree } = PRICES;
    expect(await found(PRICES, settlementOf(everything, searchesFree))).toMatch(/^7 the exact cost is/m);
  });

  test('a cost by another formula than the prices were published by', async () => {
    const old = settlementOf(everything, PRICES, undefined, 'usage@1');
    expect(await found(PRICES, old)).toContain('7 prices by usage@2 are taken by usage@1');
  });
});

test('prices by an unknown formula, or with an unknown condition, are none', async () => {
  const claimed = claim(settlementOf(everything, PRICES));
  expect(await problemsOf(PRICES, claimed, 'usage@9')).toContain('11 formula usage@9 is unknown');
  const moody = { ...PRICES, overrides: [{ mood: 'bad', prompt: '0' }] } as unknown as PublishedPrices;
  expect(await problemsOf(moody, claimed)).toContain('11 mood is no part of an override');
});
