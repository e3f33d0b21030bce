import { describe, expect, test } from '@jest/globals';
import type { Fact } from '../../projections/runtime/projection.js';
import { RowSet } from '../../projections/runtime/row-set.js';
import { usage } from '../../projections/usage/usage.projection.js';
import type { Generation, UsageOfDay } from '../../projections/usage/usage-tables.projection.js';
import type { AccountEvent, LateSettlementRecorded } from '../../src/accounts/domain/accounts.events.js';
import { EVENT_TYPES } from '../support/account-event-types.js';

/** Folds events as the runtime does: each sees the rows that it names and no others. */
class Rows {
  readonly generations = new RowSet<Generation>('generations', ['accountId', 'generationId']);
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
    for (const set of [this.generations, this.days]) set.begin(this.turn);
    for (const key of keys.generations) this.generations.name(key).turn = this.turn;
    for (const key of keys.days) this.days.name(key).turn = this.turn;
    usage.fold({ generations: this.generations, days: this.days }, fact);
    return this;
  }

  get counted() {
    return this.days.changes().upserts.map(({ accountId: _, ...row }) => row);
  }
}

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
const USED = { requests: 1n, promptTokens: 17n, completionTokens: 10n, reasoningTokens: 3n };
const day = (name: string) => ({ day: name, keyId: 'k', model: 'acme/m', provider: 'openai' });

describe('a day of usage', () => {
  test('counts a call when it is charged, not when it began', () => {
    const rows = new Rows().fold(reserved('g1'), EVENING).fold(settled('g1', '42', TOKENS), MIDNIGHT);
    expect(rows.counted).toEqual([{ ...day('2026-03-02'), ...USED, cost: 42n }]);
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
    expect(rows.fold(late('g1', '42', TOKENS), MIDNIGHT).counted).toEqual([{ ...day('2026-03-02'), ...USED, cost: 42n }]);
  });

  test('counts what nobody could pay, and is not changed by a refund', () => {
    const rows = new Rows().fold(reserved('g1'), EVENING).fold(settled('g1', '42', TOKENS, { shortfall: '40' }), EVENING);
    const before = rows.counted;
    const data = { refundId: 'r', generationId: 'g1', amount: '2', credits: [], waived: '2', regranted: '0', reason: 'asked' };
    rows.fold({ type: 'GenerationRefunded', data: { ...data, intoExpired: 'expire' } }, MIDNIGHT);
    expect([before[0]?.cost, rows.counted]).toEqual([42n, before]);
  });
});

describe('a generation', () => {
  const one = (rows: Rows) => rows.generations.changes().upserts[0];

  test('is open from its reservation on, and then how it ended', () => {
    const rows = new Rows().fold(reserved('g1'), EVENING);
    expect(one(rows)).toMatchObject({
      status: 'open',
      model: 'acme/m',
      reservedAt: Date.parse(EVENING),
      endedAt: null,
      cost: 0n,
    });
    rows.fold(settled('g1', '42', TOKENS, { model: 'acme/n', outcome: 'client_gone' }), MIDNIGHT);
    expect(one(rows)).toMatchObject({
      status: 'settled',
      ending: 'client_gone',
      model: 'acme/n',
      reservedAt: Date.parse(EVENING),
      endedAt: Date.parse(MIDNIGHT),
      cost: 42n,
      classes: TOKENS,
      usageSource: 'provider',
    });
  });

  test('that was given back cost nothing, until it is charged late', () => {
    const rows = new Rows().fold(reserved('g1'), EVENING).fold(released('g1'), EVENING);
    expect(one(rows)).toMatchObject({ status: 'released', ending: 'provider_error', cost: 0n, attempts: [] });
    expect(one(rows.fold(late('g1', '42', TOKENS), MIDNIGHT))).toMatchObject({ status: 'settled', cost: 42n });
  });

  test('keeps what a provider calls its answer, without what no text can hold', () => {
    const attempts = [{ provider: 'openai', upstreamModel: 'm', upstreamId: 'a\0b\ud800c', status: 200 }];
    const answer = { streamed: true, finishReason: 'st\0op', latencyMs: 1, durationMs: 2 };
    const rows = new Rows().fold(reserved('g1'), EVENING).fold(settled('g1', '1', {}, { attempts, answer }), EVENING);
    expect(one(rows)).toMatchObject({ attempts: [{ upstreamId: 'abc' }], answer: { ...answer, finishReason: 'stop' } });
  });

  test('that was never reserved cannot end', () => {
    expect(() => new Rows().fold(settled('g1', '1', {}), EVENING)).toThrow('g1 ended without having been reserved');
  });

  test('belongs to its account', () => {
    const rows = new Rows().fold(reserved('g1'), EVENING, 'account-a').fold(reserved('g1'), MIDNIGHT, 'account-b');
    expect(rows.generations.changes().upserts.map(({ accountId, reservedAt }) => [accountId, reservedAt])).toEqual([
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
