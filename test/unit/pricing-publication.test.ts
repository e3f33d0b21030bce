import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { evolveModel, type Model, unpublishedModel, versionInForce } from '../../src/pricing/domain/model.js';
import type { PricingEvent } from '../../src/pricing/domain/pricing.events.js';
import { type PublishModel, publishModelDecider } from '../../src/pricing/domain/publish-model.js';
import { costOf, type PriceTable } from '../../src/pricing/index.js';
import { nameTable } from '../../src/pricing/model-names.js';
import { SEED_CATALOGUE } from '../../src/pricing/seed.js';

const DAY = 86_400_000;
const at = Date.parse('2026-01-10T00:00:00.000Z');

const catalogue = {
  id: 'acme/one',
  aliases: [],
  name: 'One',
  description: '',
  contextLength: 1000,
  maxCompletionTokens: 100,
  inputModalities: ['text'],
  outputModalities: ['text'],
  supportedParameters: ['max_tokens'],
  tokenizer: 'Other',
  imageTokensMax: 100,
  routes: [{ provider: 'demo' as const, upstreamModel: 'one' }],
};
const publish = (prices: PublishModel['prices'], more: Partial<PublishModel> = {}): PublishModel => ({
  catalogue,
  prices,
  ...more,
});
const night = { utc_start: 2200, utc_end: 600 };
const paid = { prompt: '0.000001', completion: '0.000002' };

const given = (...commands: (readonly [PublishModel, number])[]): Model =>
  commands.reduce((model, [command, when]) => eventsOf(command, model, when).reduce(evolveModel, model), unpublishedModel());
const eventsOf = (command: PublishModel, model: Model, when = at): readonly PricingEvent[] => {
  const decision = publishModelDecider.decide(command, model, when);
  if ('rejection' in decision) throw new Error(JSON.stringify(decision.rejection));
  return decision.events;
};
const rejectionOf = (command: PublishModel, model = unpublishedModel()) => publishModelDecider.decide(command, model, at);

describe('publishing a model', () => {
  test('says what it is and what it costs, in one append', () => {
    expect(eventsOf(publish(paid), unpublishedModel())).toEqual([
      { type: 'ModelPublished', data: { ...catalogue, created: at / 1000 } },
      {
        type: 'PricesPublished',
        data: {
          model: 'acme/one',
          priceVersion: 'acme/one@1',
          effectiveAt: '2026-01-10T00:00:00.000Z',
          prices: paid,
          formulaVersion: 'usage@2',
        },
      },
    ]);
  });

  test('again with the same content appends nothing', () => {
    expect(eventsOf(publish(paid), given([publish(paid), at]), at + DAY)).toEqual([]);
  });

  test('with another price appends the next version alone', () => {
    const events = eventsOf(publish({ ...paid, prompt: '0.000003' }), given([publish(paid), at]), at + DAY);
    expect(events.map(({ type, data }) => [type, 'priceVersion' in data && data.priceVersion])).toEqual([
      ['PricesPublished', 'acme/one@2'],
    ]);
  });

  test('with another description leaves the prices and the date of creation alone', () => {
    const events = eventsOf(
      publish(paid, { catalogue: { ...catalogue, description: 'new' } }),
      given([publish(paid), at]),
      at + DAY,
    );
    expect(events).toEqual([{ type: 'ModelPublished', data: { ...catalogue, description: 'new', created: at / 1000 } }]);
  });

  test.each([
    ['no price for the prompt', { completion: '1' }, 'price_missing', 'prices.prompt'],
    ['no price for the answer', { prompt: '1' }, 'price_missing', 'prices.completion'],
    ['a negative price', { ...paid, prompt: '-1' }, 'price_invalid', 'prices.prompt'],
    ['a price in exponents', { ...paid, completion: '1e-7' }, 'price_invalid', 'prices.completion'],
    ['a price finer than a pico-credit', { ...paid, audio: '0.0000000000001' }, 'price_invalid', 'prices.audio'],
    ['an empty price', { ...paid, input_cache_read: '' }, 'price_invalid', 'prices.input_cache_read'],
    [
      'a wrong price in a tier',
      { ...paid, overrides: [{ min_prompt_tokens: 5, prompt: 'x' }] },
      'price_invalid',
      'prices.overrides[0].prompt',
    ],
    [
      'tiers that do not rise',
      { ...paid, overrides: [{ min_prompt_tokens: 5 }, { min_prompt_tokens: 5 }] },
      'overrides_out_of_order',
      'prices.overrides[1].min_prompt_tokens',
    ],
    [
      'tiers that do not rise within the same hours',
      { ...paid, overrides: [{ min_prompt_tokens: 9, ...night }, { min_prompt_tokens: 5 }, { ...night, prompt: '1' }] },
      'overrides_out_of_order',
      'prices.overrides[2].min_prompt_tokens',
    ],
    ['a wrong fee', { ...paid, request: '0,01' }, 'price_invalid', 'prices.request'],
    ['an override for everything', { ...paid, overrides: [{ prompt: '1' }] }, 'override_unconditional', 'prices.overrides[0]'],
    [
      'an override for no day',
      { ...paid, overrides: [{ utc_days: [] }] },
      'override_unconditional',
      'prices.overrides[0].utc_days',
    ],
    ['a window without an end', { ...paid, overrides: [{ utc_start: 100 }] }, 'window_invalid', 'prices.overrides[0].utc_end'],
    ['a window without a start', { ...paid, overrides: [{ utc_end: 100 }] }, 'window_invalid', 'prices.overrides[0].utc_start'],
    ['no minute', { ...paid, overrides: [{ utc_start: 160, utc_end: 0 }] }, 'window_invalid', 'prices.overrides[0].utc_start'],
    ['no hour', { ...paid, overrides: [{ utc_start: 0, utc_end: 2400 }] }, 'window_invalid', 'prices.overrides[0].utc_end'],
    [
      'a window that never opens',
      { ...paid, overrides: [{ utc_start: 100, utc_end: 100 }] },
      'window_invalid',
      'prices.overrides[0].utc_end',
    ],
  ])('with %s is refused, naming the field', (_, prices, reason, field) => {
    expect(rejectionOf(publish(prices))).toEqual({ rejection: { reason, field } });
  });

  test('may price the same hours twice, longer prompts behind shorter ones', () => {
    const overrides = [
      { ...night, prompt: '0' },
      { min_prompt_tokens: 5, prompt: '1' },
      { ...night, min_prompt_tokens: 5 },
    ];
    expect(eventsOf(publish({ ...paid, overrides }), unpublishedModel())).toHaveLength(2);
  });

  test('a free model is free because somebody said so', () => {
    expect(eventsOf(publish({ prompt: '0', completion: '0' }), unpublishedModel())).toHaveLength(2);
  });
});

describe('when a price is in force', () => {
  const later = { ...paid, prompt: '0.000009' };

  test('from its effective time on, and the one before until then', () => {
    const model = given([publish(paid), at], [publish(later, { effectiveAt: at + DAY }), at]);
    const inForce = [at - 1, at, at + DAY - 1, at + DAY].map((when) => versionInForce(model, when)?.priceVersion);
    expect(inForce).toEqual([undefined, 'acme/one@1', 'acme/one@1', 'acme/one@2']);
  });

  test('a change today leaves the scheduled one standing, and the same time again replaces it', () => {
    const today = { ...paid, prompt: '0.000005' };
    const model = given(
      [publish(paid), at],
      [publish(later, { effectiveAt: at + 2 * DAY }), at],
      [publish(today), at + DAY],
      [publish(paid, { effectiveAt: at + 2 * DAY }), at + DAY],
    );
    const inForce = [at + DAY, at + 2 * DAY].map((when) => versionInForce(model, when)?.priceVersion);
    expect(inForce).toEqual(['acme/one@3', 'acme/one@4']);
  });

  test('never for the past', () => {
    expect(rejectionOf(publish(later, { effectiveAt: at - 1 }), given([publish(paid), at - DAY]))).toEqual({
      rejection: { reason: 'effective_in_the_past', field: 'effective_at' },
    });
  });

  test('said again after it took effect, it is what it was', () => {
    const scheduled = publish(later, { effectiveAt: at + DAY });
    expect(eventsOf(scheduled, given([publish(paid), at], [scheduled, at]), at + 2 * DAY)).toEqual([]);
  });
});

describe('names', () => {
  const table = nameTable<string>([
    [{ ...catalogue, id: 'acme/one', aliases: ['one-2026'], created: 0 }, 'first'],
    [{ ...catalogue, id: 'other/one', aliases: ['acme/uno'], created: 0 }, 'second'],
  ]);

  test.each([
    ['acme/one', 'first'],
    ['one', 'first'],
    ['one-2026', 'first'],
    ['acme/one-2026', 'first'],
    ['other/one', 'second'],
    ['acme/uno', 'second'],
    ['other/one-2026', undefined],
  ])('%s is %s', (name, model) => {
    expect(table.get(name)).toBe(model);
  });
});

test('the seed can be published as it stands, and no two of its models share a name', () => {
  const names = SEED_CATALOGUE.flatMap(({ catalogue: { id, aliases } }) => [id.split('/')[1], ...aliases]);
  expect(names).toHaveLength(new Set(names).size);
  for (const command of SEED_CATALOGUE) expect(eventsOf(command, unpublishedModel())).toHaveLength(2);
});

/** Written once by each version of this program; added to, never edited. */
const SAMPLES_V1: readonly PricingEvent[] = [
  {
    type: 'ModelPublished',
    data: {
      id: 'acme/one',
      aliases: ['one-2026'],
      name: 'One',
      description: 'A model.',
      created: 1767225600,
      contextLength: 1000,
      maxCompletionTokens: 100,
      inputModalities: ['text', 'image'],
      outputModalities: ['text'],
      supportedParameters: ['max_tokens'],
      tokenizer: 'Other',
      routes: [{ provider: 'demo', upstreamModel: 'one', parameters: { thinking: { type: 'disabled' } } }],
      reasoning: {
        mandatory: false,
        supportsMaxTokens: true,
        supportedEfforts: ['low'],
        defaultEffort: 'low',
        defaultEnabled: true,
      },
      imageTokensMax: 1600,
    },
  },
  {
    type: 'PricesPublished',
    data: {
      model: 'acme/one',
      priceVersion: 'acme/one@1',
      effectiveAt: '2026-01-01T00:00:00.000Z',
      prices: { prompt: '0.000001', completion: '0.000002', overrides: [{ min_prompt_tokens: 200000, prompt: '0.000002' }] },
      formulaVersion: 'usage@1',
    },
  },
];

test('a price list of usage@1 has none of the prices that came later', () => {
  const published = SAMPLES_V1[1] as Extract<PricingEvent, { type: 'PricesPublished' }>;
  const stray = { ...published.data.prices, request: '1', web_search: '1', image_output: '1', input_audio_cache: '1' };
  const events = [SAMPLES_V1[0], { ...published, data: { ...published.data, prices: stray } }] as PricingEvent[];
  const table = versionInForce(events.reduce(evolveModel, unpublishedModel()), at)?.prices as PriceTable;
  const usage = { requests: 1, web_searches: 1, output_image: 1, cache_read_audio: 1 };
  expect(costOf(usage, table).lines.map((line) => `${line.class} ${line.price}`)).toEqual([
    'cache_read_audio 1000000',
    'output_image 2000000',
    'requests 0',
    'web_searches 0',
  ]);
});

test('what was ever written still reads', () => {
  const model = SAMPLES_V1.reduce(evolveModel, unpublishedModel());
  const version = versionInForce(model, at);
  expect([
    model.catalogue?.id,
    version?.priceVersion,
    version?.prices.periods[0].tiers.map((tier) => [tier.above, tier.perUnit.input_uncached]),
  ]).toEqual([
    'acme/one',
    'acme/one@1',
    [
      [0, 1_000_000n],
      [200_000, 2_000_000n],
    ],
  ]);
});

test.each([
  ['an event that is not known', { type: 'PricesForgotten', data: {} }],
  ['a formula that is not known', { type: 'PricesPublished', data: { ...SAMPLES_V1[1]?.data, formulaVersion: 'usage@9' } }],
])('%s stops the fold', (_, event) => {
  expect(() => evolveModel(unpublishedModel(), event as PricingEvent)).toThrow();
});

test('the sampled list with prices of every kind costs for ever what it costs today', () => {
  const samples = JSON.parse(readFileSync(new URL('../samples/price-events.json', import.meta.url), 'utf8')) as StoredSample[];
  const model = samples.filter(({ stream }) => stream === 'price-acme/large').reduce(evolveModel, unpublishedModel());
  const prices = model.versions.find(({ priceVersion }) => priceVersion === 'acme/large@3')?.prices as PriceTable;
  const usage = { input_uncached: 10, cache_read_audio: 10, output_visible: 10, output_image: 10, requests: 1, web_searches: 1 };
  /** A Tuesday by day, that night, and a Saturday. */
  const moments = ['2026-12-01T12:00:00.000Z', '2026-12-02T00:29:59.999Z', '2026-12-05T12:00:00.000Z'].map(Date.parse);
  expect(moments.map((moment) => costOf(usage, prices, moment).rounded)).toEqual([11_486_000n, 11_396_000n, 10_486_000n]);
});

type StoredSample = PricingEvent & { readonly stream: string };
