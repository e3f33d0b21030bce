import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { PeriodEvent } from '../../src/periods/domain/periods.events.js';
import { type ClosePeriod, GRACE_MS, type Periods, periodsDecider, type ReopenPeriod } from '../../src/periods/domain/periods.js';

const LATER = Date.parse('2030-01-01T00:00:00.000Z');
const closing = (period: string, requestedBy = 'ann'): ClosePeriod => ({
  type: 'ClosePeriod',
  period,
  upTo: 7n,
  requestedBy,
  reason: undefined,
});
const reopening = (period: string, about: Partial<ReopenPeriod> = {}): ReopenPeriod => ({
  type: 'ReopenPeriod',
  period,
  requestedBy: 'ann',
  approvedBy: 'bob',
  reason: 'r',
  ...about,
});
const closed = (period: string): PeriodEvent => ({ type: 'PeriodClosed', data: { period, upTo: '7', requestedBy: 'ann' } });
const reopened = (period: string): PeriodEvent => ({
  type: 'PeriodReopened',
  data: { period, requestedBy: 'ann', approvedBy: 'bob', reason: 'r' },
});

const after = (...events: PeriodEvent[]): Periods =>
  events.reduce((state, event) => periodsDecider.evolve(state, event, LATER), periodsDecider.initialState());
const decide = (command: ClosePeriod | ReopenPeriod, state: Periods, at = LATER) => periodsDecider.decide(command, state, at);
const NOTHING = { events: [] };

describe('closing', () => {
  test('the first may be any month; it says up to where, by whom, and why only where that was said', () => {
    expect(decide(closing('2024-02'), after())).toEqual({ events: [closed('2024-02')] });
    expect(decide({ ...closing('2024-02'), reason: 'month end' }, after())).toEqual({
      events: [{ type: 'PeriodClosed', data: { period: '2024-02', upTo: '7', requestedBy: 'ann', reason: 'month end' } }],
    });
  });

  test('only the month after the last, over the year', () => {
    const state = after(closed('2023-11'), closed('2023-12'));
    expect(decide(closing('2024-01'), state)).toEqual({ events: [closed('2024-01')] });
    for (const period of ['2024-02', '2023-10'])
      expect(decide(closing(period), state)).toEqual({ rejection: { reason: 'period_out_of_order', next: '2024-01' } });
  });

  test('what is closed is closed once, by whoever asks again', () => {
    expect(decide(closing('2024-01', 'eve'), after(closed('2024-01'), closed('2024-02')))).toEqual(NOTHING);
  });

  test.each([
    ['2024-02', '2024-03-01T00:00:00.000Z'],
    ['2023-12', '2024-01-01T00:00:00.000Z'],
    ['2025-02', '2025-03-01T00:00:00.000Z'],
  ])('%s can be closed when it is over, and a grace after it, to the millisecond', (period, over) => {
    const closableAt = Date.parse(over) + GRACE_MS;
    expect(decide(closing(period), after(), closableAt - 1)).toEqual({ rejection: { reason: 'period_not_over', closableAt } });
    expect(decide(closing(period), after(), closableAt)).toEqual({ events: [closed(period)] });
  });
});

describe('opening again', () => {
  test('the last month, and then the one before it', () => {
    const state = after(closed('2024-01'), closed('2024-02'));
    expect(decide(reopening('2024-01'), state)).toEqual({ rejection: { reason: 'period_not_last', last: '2024-02' } });
    expect(decide(reopening('2024-02'), state)).toEqual({ events: [reopened('2024-02')] });
    const opened = after(closed('2024-01'), closed('2024-02'), reopened('2024-02'));
    expect(decide(reopening('2024-01'), opened)).toEqual({ events: [reopened('2024-01')] });
    expect(decide(closing('2024-02'), opened)).toEqual({ events: [closed('2024-02')] });
  });

  test('needs two persons, and a month that is closed', () => {
    expect(decide(reopening('2024-01', { approvedBy: 'ann' }), after(closed('2024-01')))).toEqual({
      rejection: { reason: 'approver_is_requester' },
    });
    expect(decide(reopening('2024-01'), after())).toEqual({ rejection: { reason: 'period_not_closed' } });
  });

  test('asked again it has its one effect; asked otherwise, or after another closing, it is another request', () => {
    const opened = after(closed('2024-01'), reopened('2024-01'));
    expect(decide(reopening('2024-01'), opened)).toEqual(NOTHING);
    expect(decide(reopening('2024-01', { approvedBy: 'eve' }), opened)).toEqual({ rejection: { reason: 'period_not_closed' } });
    const closedAgain = after(closed('2024-01'), reopened('2024-01'), closed('2024-01'));
    expect(decide(reopening('2024-01'), closedAgain)).toEqual({ events: [reopened('2024-01')] });
  });

  test('where none is closed any more, any month is the first again', () => {
    expect(decide(closing('2023-05'), after(closed('2024-01'), reopened('2024-01')))).toEqual({ events: [closed('2023-05')] });
  });

  test('an unknown event is not folded over', () => {
    expect(() => after({ type: 'PeriodForgotten', data: { period: '2024-01' } } as never)).toThrow('PeriodForgotten');
  });
});

test('the sampled closings fold: a month closed, opened and closed again', () => {
  const text = readFileSync(new URL('../samples/period-events.json', import.meta.url), 'utf8');
  const states: Periods[] = [];
  let state = periodsDecider.initialState();
  for (const event of JSON.parse(text) as PeriodEvent[]) {
    state = periodsDecider.evolve(state, event, LATER);
    states.push(state);
  }
  expect(states.map(({ closed: months, reopened: opened }) => [months, [...opened.keys()]])).toEqual([
    [['2026-10'], []],
    [[], ['2026-10']],
    [['2026-10'], []],
  ]);
});
