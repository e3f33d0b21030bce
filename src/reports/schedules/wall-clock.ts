import type { Instant } from '../../kernel/time.js';

/** What a clock on a wall shows, as if it hung in UTC: milliseconds since 1970-01-01 00:00 on that wall. */
export type WallTime = number;

const formats = new Map<string, Intl.DateTimeFormat>();

/** Throws a RangeError where there is no such IANA time zone. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(timeZone, format);
  }
  return format;
}

/** Whether it is the name of a time zone, not an offset that knows no summer. */
export function isTimeZone(timeZone: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(timeZone)) return false;
  try {
    formatOf(timeZone);
    return true;
  } catch {
    return false;
  }
}

/** What the wall in a time zone shows at a moment, to the second. */
export function wallTimeAt(at: Instant, timeZone: string): WallTime {
  const parts = new Map(
    formatOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
}

const DAY_MS = 86_400_000;
const SECOND_MS = 1_000;

/**
 * The moment at which the wall shows a time. Shown twice, when clocks go back: the first one. Never, when they go forward: the
 * moment from which they show something later.
 */
export function instantOfWallTime(wall: WallTime, timeZone: string): Instant {
  // No clock is changed twice within two days: what holds the day before and the day after are the two candidates.
  const offsets = [wall - DAY_MS, wall + DAY_MS].map((at) => wallTimeAt(at, timeZone) - at);
  const candidates = offsets.map((offset) => wall - offset).sort((a, b) => a - b);
  const shown = candidates.find((at) => wallTimeAt(at, timeZone) === wall);
  return shown ?? firstAtOrAfter(wall, timeZone, candidates[0] ?? wall, candidates.at(-1) ?? wall);
}

/** The first second in a range at which the wall has passed a time that it skips. */
function firstAtOrAfter(wall: WallTime, timeZone: string, from: Instant, until: Instant): Instant {
  let [before, after] = [from - SECOND_MS, until];
  while (after - before > SECOND_MS) {
    const middle = before + Math.floor((after - before) / 2 / SECOND_MS) * SECOND_MS;
    if (wallTimeAt(middle, timeZone) >= wall) after = middle;
    else before = middle;
  }
  return after;
}
