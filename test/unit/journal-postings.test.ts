/** The golden vectors of the money rules as double entry, and what a month of the journal is. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { CHART } from '../../projections/journal/chart.projection.js';
import { journal } from '../../projections/journal/journal.projection.js';
import { postingsOf } from '../../projections/journal/postings.projection.js';
import type { Fact } from '../../projections/runtime/projection.js';
import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import type { PeriodEvent } from '../../src/periods/domain/periods.events.js';
import { cashRefund, dispute, given, HOUR, lost, refund, type Story, settlement, won } from '../support/account-story.js';
import { linesOf, netOf } from '../support/journal-facts.js';
import { Tables } from '../support/projection-tables.js';

const factOf = (stream: string, event: AccountEvent | PeriodEvent, position: number, occurredAt: string): Fact => ({
  stream,
  revision: BigInt(position),
  position: BigInt(position),
  metadata: { occurredAt },
  ...event,
});
const postedBy = (events: readonly AccountEvent[]) => [
  ...new Tables(journal)
    .fold(events.map((event, n) => factOf('account-a', event, n, '2026-03-01T00:00:00.000Z')))
    .rows.entries.values(),
];

/** The lines of the last entries, one text each: debits positive. */
const last = (story: Story, count = story.last.length): string[] =>
  count === 0
    ? []
    : postedBy(story.events)
        .slice(-count)
        .map((entry) => entry.lines);
const balances = (story: Story): Record<string, bigint> => Object.fromEntries(netOf(postedBy(story.events)));

describe('golden vectors as postings', () => {
  test('G1: what lots of different classes pay is revenue of each class', () => {
    const story = given()
      .granted('A', 500n, { kind: 'promo', priority: 10, expiresAt: 10 * HOUR })
      .granted('B', 1000n, { kind: 'top_up', priority: 10, expiresAt: 10 * HOUR })
      .granted('C', 2000n, { kind: 'top_up', priority: 10 })
      .granted('D', 300n, { kind: 'top_up', priority: 5, expiresAt: 90 * HOUR })
      .at(HOUR)
      .reserved('r', 1200n);
    expect(last(story)).toEqual(['available:top_up=700 held:top_up=-700 available:promo=500 held:promo=-500']);
    story.settled('r', 1200n);
    expect(last(story)).toEqual(['held:top_up=700 held:promo=500 usage:top_up=-700 usage:promo=-500']);
    expect(balances(story)).toEqual({
      payments: 3300n,
      promotional_expense: 500n,
      'available:top_up': -2600n,
      'usage:top_up': -700n,
      'usage:promo': -500n,
    });
  });

  test('G2: what is not used is breakage, also what comes back too late', () => {
    const story = given()
      .granted('A', 100n, { expiresAt: 12 * HOUR })
      .at(12 * HOUR - 60_000)
      .reserved('r', 80n)
      .at(12 * HOUR)
      .expired();
    expect(last(story)).toEqual(['available:top_up=20 breakage:top_up=-20']);
    story.at(12 * HOUR + 180_000).settled('r', 50n);
    expect(last(story)).toEqual([
      'held:top_up=80 available:top_up=-30 usage:top_up=-50',
      'available:top_up=30 breakage:top_up=-30',
    ]);
    expect(balances(story)).toEqual({ payments: 100n, 'usage:top_up': -50n, 'breakage:top_up': -50n });
  });

  test('G3: a shortfall is owed, and the next top-up repays it', () => {
    const story = given().granted('A', 100n).reserved('r', 80n).settled('r', 130n);
    expect(last(story)).toEqual(['held:top_up=80 available:top_up=20 usage:top_up=-100 receivable=30 usage:shortfall=-30']);
    story.granted('B', 200n);
    expect(last(story)).toEqual(['payments=200 available:top_up=-200', 'available:top_up=30 receivable=-30']);
    expect(balances(story)).toEqual({
      payments: 300n,
      'available:top_up': -170n,
      'usage:top_up': -100n,
      'usage:shortfall': -30n,
    });
  });

  test('G4: a refund reduces revenue by class, and what it gives to an expired lot is breakage', () => {
    const story = given()
      .granted('A', 100n, { kind: 'promo', priority: 50, expiresAt: 10 * HOUR })
      .granted('D', 300n, { priority: 5, expiresAt: 90 * HOUR })
      .at(HOUR)
      .reserved('r', 350n)
      .settled('r', 350n);
    const { debits } = settlement(story.last);
    story.at(10 * HOUR).expired();
    story.at(20 * HOUR).done(refund('f', 'r', 80n, debits));
    expect(last(story)).toEqual([
      'refunds:promo=50 available:promo=-50 refunds:top_up=30 available:top_up=-30',
      'available:promo=50 breakage:promo=-50',
    ]);
    expect(balances(story)).toEqual({
      payments: 300n,
      promotional_expense: 100n,
      'usage:top_up': -300n,
      'usage:promo': -50n,
      'refunds:promo': 50n,
      'refunds:top_up': 30n,
      'breakage:promo': -100n,
      'available:top_up': -30n,
    });
  });

  test('G4, granted anew: the refund posts nothing, the new lot is a goodwill expense', () => {
    const story = given()
      .granted('A', 100n, { kind: 'promo', expiresAt: 10 * HOUR })
      .reserved('r', 100n)
      .settled('r', 100n);
    const { debits } = settlement(story.last);
    story.at(20 * HOUR).done(refund('f', 'r', undefined, debits, { intoExpired: 'goodwill' }));
    expect(last(story)).toEqual(['', 'goodwill_expense=100 available:goodwill=-100']);
  });

  test('a refund of what is owed waives it', () => {
    const story = given().granted('A', 100n).reserved('r', 100n).settled('r', 130n);
    const { debits } = settlement(story.last);
    story.done(refund('f', 'r', undefined, debits, { shortfall: 30n }));
    expect(last(story, 1)).toEqual(['refunds:top_up=100 available:top_up=-100 refunds:waived=30 receivable=-30']);
  });

  test('G5: the cost of a call is posted to the nano-credit', () => {
    const story = given().granted('A', 1_000_000_000n).reserved('r', 20_000_000n).settled('r', 14_607_000n);
    expect(last(story)).toEqual(['held:top_up=20000000 available:top_up=-5393000 usage:top_up=-14607000']);
  });

  test('G6: a dispute freezes; lost, it is clawed back and the used part is owed; won, nothing has moved', () => {
    const disputed = () =>
      given()
        .granted('top-up', 1000n, { paymentId: 'p' })
        .reserved('r', 400n)
        .settled('r', 400n)
        .done(cashRefund('c', 'p', 100n))
        .done(dispute('d', 'p'));
    expect(last(disputed())).toEqual(['available:top_up=500 frozen:top_up=-500']);
    const after = disputed().done(lost('d'));
    expect(last(after)).toEqual(['frozen:top_up=500 claw_backs:top_up=-500 receivable=400 claw_backs:owed=-400']);
    expect(balances(after)).toEqual({
      payments: 1000n,
      'usage:top_up': -400n,
      'cash_refunds:top_up': -100n,
      'claw_backs:top_up': -500n,
      'claw_backs:owed': -400n,
      receivable: 400n,
    });
    const kept = disputed().done(won('d'));
    expect(last(kept)).toEqual(['frozen:top_up=500 available:top_up=-500']);
    expect(balances(kept)).toEqual({
      payments: 1000n,
      'usage:top_up': -400n,
      'cash_refunds:top_up': -100n,
      'available:top_up': -500n,
    });
  });
});

describe('an event that contradicts itself or what it ends does not balance, and is not posted', () => {
  const known = { classOf: () => 'promo' as const, held: () => ({ top_up: 0n, promo: 80n, goodwill: 0n }) };
  const settled = (data: object) =>
    postingsOf({ type: 'ReservationSettled', data: { debits: [], releases: [], shortfall: '0', ...data } } as never, known);

  test.each([
    ['a cost that is neither paid nor owed', { cost: { rounded: '81' }, debits: [{ lotId: 'l', amount: '80' }] }],
    ['a hold that is neither paid nor given back', { cost: { rounded: '50' }, debits: [{ lotId: 'l', amount: '50' }] }],
  ])('%s', (_, data) => {
    expect(() => settled(data)).toThrow();
  });

  test('a release of less than was held', () => {
    const release = { type: 'ReservationReleased', data: { releases: [{ lotId: 'l', amount: '79' }] } };
    expect(() => postingsOf(release as never, known)).toThrow('differ');
  });

  test('a refund that is not the sum of its parts', () => {
    const data = { amount: '81', credits: [{ lotId: 'l', amount: '50' }], waived: '30', regranted: '0' };
    expect(() => postingsOf({ type: 'GenerationRefunded', data } as never, known)).toThrow('differ');
  });

  test('an event that is not known', () => {
    expect(() => postingsOf({ type: 'CreditsLent', data: {} } as never, known)).toThrow('CreditsLent');
  });
});

describe('the month of an entry', () => {
  const grantAt = (position: number, occurredAt: string): Fact =>
    factOf('account-a', { type: 'CreditsGranted', data: grantOf(position) }, position, occurredAt);
  const grantOf = (n: number) => ({
    lotId: `lot-${n}`,
    grantId: `g${n}`,
    kind: 'promo' as const,
    amount: '1',
    costBasis: '0',
    currency: 'USD',
    priority: 1,
    effectiveAt: '2024-01-01T00:00:00.000Z',
  });
  const closed = (position: number, period: string): Fact =>
    factOf(
      'period-closings',
      { type: 'PeriodClosed', data: { period, upTo: '0', requestedBy: 'p' } },
      position,
      '2025-01-01T00:00:00.000Z',
    );
  const reopened = (position: number, period: string): Fact =>
    factOf(
      'period-closings',
      { type: 'PeriodReopened', data: { period, requestedBy: 'p', approvedBy: 'q', reason: 'r' } },
      position,
      '2025-01-01T00:00:00.000Z',
    );
  const monthsOf = (facts: readonly Fact[]) =>
    [...new Tables(journal).fold(facts).rows.entries.values()].map((e) => [e.period, e.originalPeriod, e.isLate]);

  test('is that of UTC, to the millisecond, leap days included', () => {
    const at = ['2024-02-29T23:59:59.999Z', '2024-03-01T00:00:00.000Z', '2023-12-31T23:59:59.999Z', '2024-01-01T00:00:00.000Z'];
    expect(monthsOf(at.map((time, n) => grantAt(n, time))).map(([period]) => period)).toEqual([
      '2024-02',
      '2024-03',
      '2023-12',
      '2024-01',
    ]);
  });

  test('is the earliest that is open where its own is closed, whatever closed before the first closing', () => {
    const facts = [
      grantAt(0, '2023-12-31T23:59:59.999Z'),
      closed(1, '2023-12'),
      grantAt(2, '2023-12-31T23:59:59.999Z'),
      grantAt(3, '2023-10-01T00:00:00.000Z'),
      closed(4, '2024-01'),
      grantAt(5, '2023-12-01T00:00:00.000Z'),
      grantAt(6, '2024-02-01T00:00:00.000Z'),
      reopened(7, '2024-01'),
      grantAt(8, '2024-01-31T00:00:00.000Z'),
      grantAt(9, '2023-12-31T00:00:00.000Z'),
      reopened(10, '2023-12'),
      grantAt(11, '2023-11-30T00:00:00.000Z'),
    ];
    expect(monthsOf(facts)).toEqual([
      ['2023-12', null, false],
      ['2024-01', '2023-12', true],
      ['2024-01', '2023-10', true],
      ['2024-02', '2023-12', true],
      ['2024-02', null, false],
      ['2024-01', null, false],
      ['2024-01', '2023-12', true],
      ['2023-11', null, false],
    ]);
  });

  test('closings out of order stop the journal of the periods', () => {
    expect(() => monthsOf([closed(0, '2024-01'), closed(1, '2024-03')])).toThrow();
    expect(() => monthsOf([closed(0, '2024-01'), reopened(1, '2023-12')])).toThrow();
  });
});

test('the README names every ledger account of the chart', () => {
  const readme = readFileSync(new URL('../../projections/journal/README.md', import.meta.url), 'utf8');
  const names = new Set(CHART.map(({ ledgerAccount }) => ledgerAccount.replace(/:(top_up|promo|goodwill)$/, ':{c}')));
  expect([...names].filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
});

test('lines are read as they are written', () => {
  expect(linesOf({ lines: 'a:b=1 c=-1' })).toEqual([
    ['a:b', 1n],
    ['c', -1n],
  ]);
});
