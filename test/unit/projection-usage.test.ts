import { describe, expect, test } from '@jest/globals';
import type { Fact } from '../../projections/runtime/projection.js';
import { RowSet } from '../../projections/runtime/row-set.js';
import { endedAtOf, endingOf, generationAsOf, statusOf } from '../../projections/usage/generation.projection.js';
import { usage } from '../../projections/usage/usage.projection.js';
import type { Generation, UsageOfDay, UsageOfHour } from '../../projections/usage/usage-tables.projection.js';
import type { AccountEvent, LateSettlementRecorded } from '../../src/accounts/domain/accounts.events.js';
import { EVENT_TYPES } from '../support/account-event-types.js';

/** Folds events as the runtime does: each sees the rows that it names and no others. */
class Rows {
  readonly generations = new RowSet<Generation>('generations', ['accountId', 'generationId']);
  readonly hours = new RowSet<UsageOfHour>('hours', ['accountId', 'hour', 'keyId', 'model', 'provider']);
  readonly days = new RowSet<UsageOfDay>('days', ['accountId', 'day', 'keyId', 'model', 'provider']);
  private turn = 0;

  fold(event: AccountEvent, at: string, stream = 'account-a'): this {
    const fact: Fact = {
      ...event,
      stream,
      revision: BigInt(this.turn),
      position: BigInt(this.turn),
      metadata: { occurredAt: at },
    };
    const keys = usage.rowsOf(fact);
    this.turn += 1;
    for (const set of [this.generations, this.hours, this.days]) set.begin(this.turn);
    for (const key of keys.generations) this.generations.name(key).turn = this.turn;
    for (const key of keys.hours) this.hours.name(key).turn = this.turn;
    for (const key of keys.days) this.days.name(key).turn = this.turn;
    usage.fold({ generations: this.generations, hours: this.hours, days: this.days }, fact);
    return this;
  }

  get counted() {
    return written(this.days).map(({ accountId: _, ...row }) => row);
  }
}

const written = <Row extends object>(rows: RowSet<Row>): Row[] => {
  const { inserts, updates } = rows.changes();
  return [...inserts, ...updates];
};

const reserved = (id: string, keyId = 'k'): AccountEvent => ({
  type: 'CreditsReserved',
  data: {
    reservationId: id,
    generationId: id,
    keyId,
    amount: '100',
    holds: [],
    burnDownOrder: 'mcphub@1',
    quote: { model: 'acme/m', priceVersion: 'acme/m@1', promptTokensMax: 1, completionTokensMax: 1 },
    settleBy: '2026-03-02T00:00:00.000Z',
  },
});

const charge = (
  id: string,
  cost: string,
  classes: Record<string, number>,
  about: Partial<LateSettlementRecorded['data']> = {},
) => ({
  reservationId: id,
  generationId: id,
  keyId: 'k',
  model: 'acme/m',
  cost: { exact: `${cost}000`, rounded: cost, lines: [] },
  usage: { classes, source: 'provider' as const },
  priceVersion: 'acme/m@1',
  formulaVersion: 'usage@1',
  attempts: [{ provider: 'openai', upstreamModel: 'm', upstreamId: 'chatcmpl-1', status: 200 }],
  debits: [],
  shortfall: '0',
  outcome: 'completed' as const,
  ...about,
});
const settled = (...asked: Parameters<typeof charge>): AccountEvent => ({
  type: 'ReservationSettled',
  data: { ...charge(...asked), releases: [] },
});
const late = (...asked: Parameters<typeof charge>): AccountEvent => ({ type: 'LateSettlementRecorded', data: charge(...asked) });
const released = (id: string): AccountEvent => ({
  type: 'ReservationReleased',
  data: { reservationId: id, generationId: id, keyId: 'k', releases: [], reason: 'provider_error' },
});

const EVENING = '2026-03-01T23:59:59.999Z';
const MIDNIGHT = '2026-03-02T00:00:00.000Z';
const TOKENS = { input_uncached: 10, cache_read: 5, cache_write_5m: 2, output_visible: 7, output_reasoning: 3 };
const USED = {
  requests: 1n,
  estimatedRequests: 0n,
  promptTokens: 17n,
  cachedTokens: 5n,
  completionTokens: 10n,
  reasoningTokens: 3n,
};
const day = (name: string) => ({ day: name, keyId: 'k', model: 'acme/m', provider: 'openai' });

describe('a day of usage', () => {
  test('counts a call when it is charged, not when it began', () => {
    const rows = new Rows().fold(reserved('g1'), EVENING).fold(settled('g1', '42', TOKENS), MIDNIGHT);
    expect(rows.counted).toEqual([
      { ...day('2026-03-02'), ...USED, cost: 42n, firstPosition: 1n, lastPosition: 1n, reservedFrom: Date.parse(EVENING) },
    ]);
  });

  test('ends at midnight UTC', () => {
    const rows = new Rows()
      .fold(reserved('g1'), EVENING)
      .fold(reserved('g2'), EVENING)
      .fold(settled('g1', '1', TOKENS), EVENING)
      .fold(settled('g2', '2', TOKENS), MIDNIGHT);
    expect(rows.counted.map((row) => [row.day, row.cost])).toEqual([
      ['2026-03-01', 1n],
      ['2026-03-02', 2n],
    ]);
  });

  test('is apart by key, model and provider, and adds up exactly at any size', () => {
    const huge = '9007199254740993';
    const tokens = { input_uncached: Number.MAX_SAFE_INTEGER };
    const rows = new Rows();
    for (const id of ['g1', 'g2']) rows.fold(reserved(id), EVENING).fold(settled(id, huge, tokens), EVENING);
    rows.fold(reserved('g3'), EVENING).fold(settled('g3', '1', {}, { keyId: 'other' }), EVENING);
    rows.fold(reserved('g4'), EVENING).fold(settled('g4', '1', {}, { model: 'acme/n' }), EVENING);
    rows.fold(reserved('g5'), EVENING).fold(settled('g5', '1', {}, { attempts: [] }), EVENING);
    expect(
      rows.counted.map(({ keyId, model, provider, cost, promptTokens }) => [keyId, model, provider, cost, promptTokens]),
    ).toEqual([
      ['k', 'acme/m', 'openai', 18014398509481986n, 18014398509481982n],
      ['other', 'acme/m', 'openai', 1n, 0n],
      ['k', 'acme/n', 'openai', 1n, 0n],
      ['k', 'acme/m', '', 1n, 0n],
    ]);
  });

  test('does not count what was given back, but counts it once where it is charged late, on that day', () => {
    const rows = new Rows().fold(reserved('g1'), EVENING).fold(released('g1'), EVENING);
    expect(rows.counted).toEqual([]);
    expect(rows.fold(late('g1', '42', TOKENS), MIDNIGHT).counted).toMatchObject([{ ...day('2026-03-02'), ...USED, cost: 42n }]);
  });

  test('counts what nobody could pay, and is not changed by a refund', () => {
    const rows = new Rows().fold(reserved('g1'), EVENING).fold(settled('g1', '42', TOKENS, { shortfall: '40' }), EVENING);
    const before = rows.counted;
    const data = { refundId: 'r', generationId: 'g1', amount: '2', credits: [], waived: '2', regranted: '0', reason: 'asked' };
    rows.fold({ type: 'GenerationRefunded', data: { ...data, intoExpired: 'expire' } }, MIDNIGHT);
    expect([before[0]?.cost, rows.counted]).toEqual([42n, before]);
  });
});

test('an hour is counted as its day is, and knows which charges it has', () => {
  const rows = new Rows()
    .fold(reserved('g1'), '2026-03-01T21:00:00.000Z')
    .fold(reserved('g2'), '2026-03-01T21:30:00.000Z')
    .fold(settled('g2', '1', TOKENS), '2026-03-01T22:59:59.999Z')
    .fold(reserved('g3'), EVENING)
    .fold(settled('g3', '4', TOKENS), EVENING)
    .fold(settled('g1', '2', TOKENS, { usage: { classes: TOKENS, source: 'estimated' } }), EVENING);
  const hours = written(rows.hours);
  expect(hours.map(({ hour, requests, estimatedRequests, cost }) => [hour, requests, estimatedRequests, cost])).toEqual([
    ['2026-03-01T22', 1n, 0n, 1n],
    ['2026-03-01T23', 2n, 1n, 6n],
  ]);
  expect(hours[1]).toMatchObject({ firstPosition: 4n, lastPosition: 5n, reservedFrom: Date.parse('2026-03-01T21:00:00.000Z') });
  expect(rows.counted.map(({ day: name, requests, cost }) => [name, requests, cost])).toEqual([['2026-03-01', 3n, 7n]]);
});

describe('a generation', () => {
  const one = (rows: Rows) => written(rows.generations)[0] as Generation;
  const refund = (amount: string): AccountEvent => ({
    type: 'GenerationRefunded',
    data: {
      refundId: `r${amount}`,
      generationId: 'g1',
      amount,
      credits: [],
      waived: '0',
      regranted: '0',
      reason: 'asked',
      intoExpired: 'expire',
    },
  });
  const extension: AccountEvent = {
    type: 'ReservationExtended',
    data: {
      reservationId: 'g1',
      generationId: 'g1',
      keyId: 'k',
      amount: '5',
      holds: [],
      settleBy: '2026-03-02T00:00:00.000Z',
    },
  };

  test('is open from its reservation on, and then how it ended', () => {
    const rows = new Rows().fold(reserved('g1'), EVENING);
    expect([statusOf(one(rows)), endingOf(one(rows)), endedAtOf(one(rows))]).toEqual(['open', null, null]);
    expect(one(rows)).toMatchObject({ model: 'acme/m', provider: '', reservedAt: Date.parse(EVENING), cost: 0n });
    rows.fold(settled('g1', '42', TOKENS, { model: 'acme/n', outcome: 'client_gone' }), MIDNIGHT);
    expect([statusOf(one(rows)), endingOf(one(rows)), endedAtOf(one(rows))]).toEqual([
      'settled',
      'client_gone',
      Date.parse(MIDNIGHT),
    ]);
    expect(one(rows)).toMatchObject({
      quotedModel: 'acme/m',
      model: 'acme/n',
      provider: 'openai',
      cost: 42n,
      promptTokens: 17n,
      usageSource: 'provider',
      priceVersion: 'acme/m@1',
      formulaVersion: 'usage@1',
    });
  });

  test('that was given back cost nothing, until it is charged late; both stay on record', () => {
    const rows = new Rows().fold(reserved('g1'), EVENING).fold(released('g1'), EVENING);
    expect([statusOf(one(rows)), endingOf(one(rows)), one(rows).cost]).toEqual(['released', 'provider_error', 0n]);
    rows.fold(late('g1', '42', TOKENS), MIDNIGHT);
    expect([statusOf(one(rows)), endingOf(one(rows)), one(rows).cost]).toEqual(['settled', 'completed', 42n]);
    expect(one(rows)).toMatchObject({ releaseReason: 'provider_error', releasedRevision: 1n, chargedRevision: 2n });
  });

  test('points at all that the stream says of it', () => {
    const rows = new Rows()
      .fold(reserved('g1'), EVENING)
      .fold(extension, EVENING)
      .fold(settled('g1', '42', {}), MIDNIGHT);
    rows.fold(refund('2'), MIDNIGHT).fold(refund('3'), MIDNIGHT);
    expect(one(rows)).toMatchObject({
      reservedRevision: 0n,
      extensions: [{ revision: '1', position: '1' }],
      chargedRevision: 2n,
      cost: 42n,
      refunded: 5n,
      refunds: [
        { revision: '3', amount: '2' },
        { revision: '4', amount: '3' },
      ],
    });
  });

  test('as of any position is what a fold of the events until then makes', () => {
    const told: [AccountEvent, string][] = [
      [reserved('g1'), EVENING],
      [extension, EVENING],
      [released('g1'), MIDNIGHT],
      [late('g1', '42', TOKENS, { model: 'acme/n' }), MIDNIGHT],
      [refund('2'), MIDNIGHT],
      [refund('3'), '2026-03-03T00:00:00.000Z'],
    ];
    const after = (count: number) => one(told.slice(0, count).reduce((rows, [event, at]) => rows.fold(event, at), new Rows()));
    const whole = after(told.length);
    expect(generationAsOf(whole, () => false)).toBeUndefined();
    for (let count = 1; count <= told.length; count++)
      expect(generationAsOf(whole, ({ position }) => position < BigInt(count))).toEqual(after(count));
    expect(generationAsOf(whole, ({ at }) => at <= Date.parse(EVENING))).toEqual(after(2));
    expect(generationAsOf(whole, ({ at }) => at <= Date.parse(MIDNIGHT))).toEqual(after(5));
  });

  test('that was never reserved cannot end', () => {
    expect(() => new Rows().fold(settled('g1', '1', {}), EVENING)).toThrow('g1 is told of without having been reserved');
  });

  test('belongs to its account', () => {
    const rows = new Rows().fold(reserved('g1'), EVENING, 'account-a').fold(reserved('g1'), MIDNIGHT, 'account-b');
    expect(written(rows.generations).map(({ accountId, reservedAt }) => [accountId, reservedAt])).toEqual([
      ['a', Date.parse(EVENING)],
      ['b', Date.parse(MIDNIGHT)],
    ]);
  });
});

test('every event of an account is known, and no other', () => {
  const fact = (type: string) => ({
    type,
    data: { attempts: [] },
    stream: 'account-a',
    revision: 1n,
    position: 1n,
    metadata: { occurredAt: EVENING },
  });
  for (const type of EVENT_TYPES) expect(() => usage.rowsOf(fact(type))).not.toThrow();
  expect(() => usage.rowsOf(fact('CreditsBurned'))).toThrow('unknown event of an account: CreditsBurned');
});
