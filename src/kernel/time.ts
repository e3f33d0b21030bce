/** A moment in UTC: milliseconds since the epoch. Events hold it as ISO 8601 text. */
export type Instant = number;

/** The gateway's clock, handed to whatever needs the time, so that no rule reads a hidden one. */
export interface Clock {
  now(): Instant;
}

export const instantFromText = (text: string): Instant => Date.parse(text);
export const instantToText = (at: Instant): string => new Date(at).toISOString();

export const LIMIT_RESETS = ['daily', 'weekly', 'monthly'] as const;
export type LimitReset = (typeof LIMIT_RESETS)[number];

const DAY_MS = 86_400_000;
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
