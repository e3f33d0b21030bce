import type { Instant } from '../../kernel/time.js';
import { type PriceConditions, UTC_DAYS } from './pricing.events.js';

const MINUTE_MS = 60_000;
const MINUTES_PER_DAY = 1_440;
const MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY;
/** 1970-01-01 was a Thursday. */
const EPOCH_MINUTE = 3 * MINUTES_PER_DAY;

/** Minutes since Monday 00:00 UTC. */
export const minuteOfWeek = (at: Instant): number => (Math.floor(at / MINUTE_MS) + EPOCH_MINUTE) % MINUTES_PER_WEEK;

/** Whether a number is a time of day as OpenRouter writes it: HHMM, 0 to 2359. */
export const isClock = (hhmm: number): boolean => Number.isInteger(hhmm) && hhmm >= 0 && hhmm < 2400 && hhmm % 100 < 60;

const minuteOfDay = (hhmm: number): number => Math.floor(hhmm / 100) * 60 + (hhmm % 100);

export const hasWindow = ({ utc_start, utc_days }: PriceConditions): boolean => utc_start !== undefined || utc_days !== undefined;

/** Whether a minute of the week is within the days and the hours of an override; any minute where it names neither. */
export function isWithin({ utc_start, utc_end, utc_days }: PriceConditions, minute: number): boolean {
  const day = UTC_DAYS[Math.floor(minute / MINUTES_PER_DAY)];
  if (utc_days && !utc_days.some((each) => each === day)) return false;
  if (utc_start === undefined || utc_end === undefined) return true;
  const [start, end, now] = [minuteOfDay(utc_start), minuteOfDay(utc_end), minute % MINUTES_PER_DAY];
  return start < end ? now >= start && now < end : now >= start || now < end;
}

/** The minutes of the week at which one of these begins or ends to hold, ascending, the week's first always among them. */
export function changes(overrides: readonly PriceConditions[]): number[] {
  const daily = overrides.flatMap(({ utc_start, utc_end }) =>
    utc_start === undefined || utc_end === undefined ? [] : [minuteOfDay(utc_start), minuteOfDay(utc_end)],
  );
  const inDay = [...new Set([0, ...daily])].sort((a, b) => a - b);
  return UTC_DAYS.flatMap((_, day) => inDay.map((minute) => day * MINUTES_PER_DAY + minute));
}
