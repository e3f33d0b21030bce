import { describe, expect, test } from '@jest/globals';
import { evolveModel, type Model, unpublishedModel, versionInForce } from '../../src/pricing/domain/model.js';
import type { PricingEvent } from '../../src/pricing/domain/pricing.events.js';
import { type PublishModel, publishModelDecider } from '../../src/pricing/domain/publish-model.js';
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
          formulaVersion: 'usage@1',
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
  ])('with %s is refused, naming the field', (_, prices, reason, field) => {
    expect(rejectionOf(publish(prices))).toEqual({ rejection: { reason, field } });
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

test('what was ever written still reads', () => {
  const model = SAMPLES_V1.reduce(evolveModel, unpublishedModel());
  const version = versionInForce(model, at);
  expect([
    model.catalogue?.id,
    version?.priceVersion,
    version?.prices.tiers.map((tier) => [tier.above, tier.perToken.input_uncached]),
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
