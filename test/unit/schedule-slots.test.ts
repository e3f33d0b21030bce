/** When a schedule is due: what the clock on the wall shows, in days of 23, 24 and 25 hours. */
import { describe, expect, test } from '@jest/globals';
import { MISSED_AFTER_MS, slotsToRun } from '../../src/reports/domain/misfire.js';
import { lastEndedPeriod, periodOf } from '../../src/reports/domain/period.js';
import { isCron, slotsBetween, upcomingSlots } from '../../src/reports/schedules/slots.js';
import { instantOfWallTime, isTimeZone, wallTimeAt } from '../../src/reports/schedules/wall-clock.js';

const at = (text: string) => Date.parse(text);
const iso = (slots: readonly number[]) => slots.map((slot) => new Date(slot).toISOString().replace(':00.000Z', 'Z'));

describe('the slots of a schedule', () => {
  test.each<[what: string, cron: string, timeZone: string, after: string, upTo: string, slots: string[]]>([
    ['every day', '15 0 * * *', 'UTC', '2026-02-27T00:15Z', '2026-03-01T12:00Z', ['2026-02-28T00:15Z', '2026-03-01T00:15Z']],
    ['none twice: the one handled last is not due again', '15 0 * * *', 'UTC', '2026-02-27T00:15Z', '2026-02-28T00:14Z', []],
    ['due at the very moment', '15 0 * * *', 'UTC', '2026-02-27T00:15Z', '2026-02-28T00:15Z', ['2026-02-28T00:15Z']],
    [
      'the first of each month',
      '0 1 1 * *',
      'UTC',
      '2025-12-01T01:00Z',
      '2026-02-01T01:00Z',
      ['2026-01-01T01:00Z', '2026-02-01T01:00Z'],
    ],
    [
      'day 31 only where there is one',
      '0 0 31 * *',
      'UTC',
      '2026-01-01T00:00Z',
      '2026-06-01T00:00Z',
      ['2026-01-31T00:00Z', '2026-03-31T00:00Z', '2026-05-31T00:00Z'],
    ],
    [
      'the last day of the month',
      '0 0 L * *',
      'UTC',
      '2028-01-01T00:00Z',
      '2028-04-01T00:00Z',
      ['2028-01-31T00:00Z', '2028-02-29T00:00Z', '2028-03-31T00:00Z'],
    ],
    ['leap days', '0 0 29 2 *', 'UTC', '2026-01-01T00:00Z', '2033-01-01T00:00Z', ['2028-02-29T00:00Z', '2032-02-29T00:00Z']],
    ['2100 is no leap year', '0 0 29 2 *', 'UTC', '2096-03-01T00:00Z', '2104-12-31T00:00Z', ['2104-02-29T00:00Z']],
    [
      'skipped by the clocks: at the next moment there is',
      '30 2 * * *',
      'America/New_York',
      '2026-03-07T12:00Z',
      '2026-03-09T12:00Z',
      ['2026-03-08T07:00Z', '2026-03-09T06:30Z'],
    ],
    ['skipped twice: once', '15,45 2 * * *', 'America/New_York', '2026-03-08T00:00Z', '2026-03-08T23:00Z', ['2026-03-08T07:00Z']],
    [
      'shown twice: the first time',
      '30 1 * * *',
      'America/New_York',
      '2026-10-31T12:00Z',
      '2026-11-02T12:00Z',
      ['2026-11-01T05:30Z', '2026-11-02T06:30Z'],
    ],
    [
      'shown twice, and looked at between the two: not again',
      '30 1 * * *',
      'America/New_York',
      '2026-11-01T05:45Z',
      '2026-11-01T23:00Z',
      [],
    ],
    [
      'midnight that does not exist',
      '0 0 * * *',
      'America/Santiago',
      '2026-09-05T12:00Z',
      '2026-09-07T12:00Z',
      ['2026-09-06T04:00Z', '2026-09-07T03:00Z'],
    ],
    [
      'clocks that change by half an hour',
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-02T16:00Z',
      '2026-10-04T16:00Z',
      ['2026-10-03T15:30Z', '2026-10-04T15:15Z'],
    ],
    [
      'a day that a country skipped',
      '0 12 30 12 *',
      'Pacific/Apia',
      '2011-12-28T00:00Z',
      '2012-01-02T00:00Z',
      ['2011-12-30T10:00Z'],
    ],
    ['an offset of 45 minutes', '0 0 * * *', 'Asia/Kathmandu', '2026-05-01T00:00Z', '2026-05-02T00:00Z', ['2026-05-01T18:15Z']],
    [
      'day of the month or day of the week',
      '0 0 13 * 5',
      'UTC',
      '2026-02-10T00:00Z',
      '2026-03-07T00:00Z',
      ['2026-02-13T00:00Z', '2026-02-20T00:00Z', '2026-02-27T00:00Z', '2026-03-06T00:00Z'],
    ],
  ])('%s', (_what, cron, timeZone, after, upTo, slots) => {
    expect(iso(slotsBetween({ cron, timeZone }, at(after), at(upTo), 100))).toEqual(slots);
  });

  test('cut anywhere are the same slots', () => {
    const rule = { cron: '*/20 * * * *', timeZone: 'Europe/Berlin' };
    const [from, until] = [at('2026-03-28T20:00Z'), at('2026-03-29T06:00Z')];
    const whole = slotsBetween(rule, from, until, 1_000);
    for (let cut = from; cut < until; cut += 7 * 60_000)
      expect([...slotsBetween(rule, from, cut, 1_000), ...slotsBetween(rule, cut, until, 1_000)]).toEqual(whole);
  });

  test('are at most so many, the oldest', () => {
    const rule = { cron: '* * * * *', timeZone: 'UTC' };
    expect(iso(slotsBetween(rule, at('2026-01-01T00:00Z'), at('2026-02-01T00:00Z'), 2))).toEqual([
      '2026-01-01T00:01Z',
      '2026-01-01T00:02Z',
    ]);
    expect(upcomingSlots({ cron: '0 0 29 2 *', timeZone: 'UTC' }, at('2026-01-01T00:00Z'), 3)).toHaveLength(2);
  });
});

test.each([
  ['0 1 1 * *', true],
  ['*/15 0-6,12 * JAN-MAR MON', true],
  ['0 0 L * *', true],
  ['0 0 29 2 *', true],
  ['0 0 30 2 *', false],
  ['0 0 31 4,6 *', false],
  ['60 0 * * *', false],
  ['0 24 * * *', false],
  ['0 0 0 1 1 *', false],
  ['0 0 * *', false],
  ['@daily', false],
  ['H 1 * * *', false],
  ['0 1 * * THU', true],
  ['', false],
  ['every day at one', false],
])('"%s" is a schedule: %s', (cron, expected) => {
  expect(isCron(cron)).toBe(expected);
});

test.each([
  ['UTC', true],
  ['Europe/Berlin', true],
  ['America/Argentina/Buenos_Aires', true],
  ['Etc/GMT+5', true],
  ['+02:00', false],
  ['Europe/Atlantis', false],
  ['', false],
  ['Europe/Berlin; DROP', false],
])('"%s" is a time zone: %s', (timeZone, expected) => {
  expect(isTimeZone(timeZone)).toBe(expected);
});

test('the wall is read back as it was shown, but where it shows nothing', () => {
  for (const timeZone of ['UTC', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Pacific/Kiritimati']) {
    for (let hour = 0; hour < 366 * 24; hour += 5) {
      const moment = Date.UTC(2026, 0, 1, hour);
      const wall = wallTimeAt(moment, timeZone);
      const read = instantOfWallTime(wall, timeZone);
      expect(wallTimeAt(read, timeZone)).toBe(wall);
      expect(read).toBeLessThanOrEqual(moment);
    }
  }
});

describe('slots that were missed', () => {
  const now = at('2026-03-10T12:00Z');
  const due = [now - 3 * 86_400_000, now - 2 * 86_400_000, now - MISSED_AFTER_MS];
  test.each([
    ['run_all', due],
    ['run_latest', due.slice(2)],
    ['skip', due.slice(2)],
  ] as const)('%s', (rule, expected) => {
    expect(slotsToRun(rule, due, now)).toEqual(expected);
  });
  test('alone: skipped, or the latest of them run', () => {
    expect(slotsToRun('skip', due.slice(0, 2), now)).toEqual([]);
    expect(slotsToRun('run_latest', due.slice(0, 2), now)).toEqual([due[1]]);
    expect(slotsToRun('run_latest', [], now)).toEqual([]);
  });
});

describe('a period', () => {
  test.each([
    ['month', '2026-03-01T01:00Z', '2026-02'],
    ['month', '2026-03-31T23:59Z', '2026-02'],
    ['month', '2026-01-01T00:00Z', '2025-12'],
    ['day', '2026-03-01T00:15Z', '2026-02-28'],
    ['day', '2028-03-01T00:00Z', '2028-02-29'],
    ['day', '2026-03-01T23:59Z', '2026-02-28'],
  ] as const)('the last %s that had ended at %s is %s', (covers, moment, text) => {
    expect(lastEndedPeriod(covers, at(moment)).text).toBe(text);
    expect(periodOf(covers, text)).toEqual(lastEndedPeriod(covers, at(moment)));
  });
  test.each([
    ['day', '2026-02-29'],
    ['day', '2026-02'],
    ['month', '2026-00'],
    ['month', '2026-2'],
    ['month', '1999-12'],
    ['month', '2026-02-01'],
  ] as const)('no %s is %s', (covers, text) => {
    expect(periodOf(covers, text)).toBeUndefined();
  });
});
