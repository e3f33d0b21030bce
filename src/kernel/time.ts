/** A moment in UTC: milliseconds since the epoch. Events hold it as ISO 8601 text. */
export type Instant = number;

/** The gateway's clock, handed to whatever needs the time, so that no rule reads a hidden one. */
export interface Clock {
  now(): Instant;
}

const DAY_MS = 86_400_000;
const UTC_MILLISECONDS = /^\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
const DAY_LENGTH = 'yyyy-mm-dd'.length;
let dayOfText = { text: '', at: Number.NaN };

/** NaN where the text is no time. Times are read several times per event, nearly always of the same day, and as they are written here. */
export function instantFromText(text: string): Instant {
  if (!UTC_MILLISECONDS.test(text)) return Date.parse(text);
  if (!text.startsWith(dayOfText.text) || dayOfText.text === '') {
    const day = text.slice(0, DAY_LENGTH);
    dayOfText = { text: day, at: Date.parse(day) };
  }
  const digits = (at: number): number => (text.charCodeAt(at) - 48) * 10 + text.charCodeAt(at + 1) - 48;
  const seconds = (digits(11) * 60 + digits(14)) * 60 + digits(17);
  return dayOfText.at + seconds * 1_000 + (text.charCodeAt(20) - 48) * 100 + digits(21);
}

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
