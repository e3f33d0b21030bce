/** A moment in UTC: milliseconds since the epoch. Events hold it as ISO 8601 text. */
export type Instant = number;

/** The gateway's clock, handed to whatever needs the time, so that no rule reads a hidden one. */
export interface Clock {
  now(): Instant;
}

export const instantFromText = (text: string): Instant => Date.parse(text);

const DAY_MS = 86_400_000;
let textOfDay = { day: Number.NaN, text: '' };

/** ISO 8601 in UTC with milliseconds. Written several times per request, nearly always on the same day. */
export function instantToText(at: Instant): string {
  const day = Math.floor(at / DAY_MS);
  if (day !== textOfDay.day) textOfDay = { day, text: new Date(day * DAY_MS).toISOString().slice(0, -'00:00:00.000Z'.length) };
  const ms = at - day * DAY_MS;
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return `${textOfDay.text}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(seconds % 60)}.${`${ms % 1000}`.padStart(3, '0')}Z`;
}

const two = (value: number): string => (value < 10 ? `0${value}` : `${value}`);

export const LIMIT_RESETS = ['daily', 'weekly', 'monthly'] as const;
export type LimitReset = (typeof LIMIT_RESETS)[number];

/** 1970-01-01 was a Thursday: days to add so that weeks begin on Monday. */
const EPOCH_WEEKDAY_OFFSET = 3;

/** When the window that holds `at` began: 00:00 UTC of the day, of the Monday, or of the first of the month. */
export function windowStart(reset: LimitReset, at: Instant): Instant {
  const day = Math.floor(at / DAY_MS);
  switch (reset) {
    case 'daily':
      return day * DAY_MS;
    case 'weekly':
      return (day - ((day + EPOCH_WEEKDAY_OFFSET) % 7)) * DAY_MS;
    case 'monthly': {
      const date = new Date(at);
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
    }
  }
}
