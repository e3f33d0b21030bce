import type { Instant } from '../../kernel/time.js';

/** A whole day or month in UTC: what one run of a report covers. */
export interface Period {
  /** `yyyy-mm-dd` or `yyyy-mm`. */
  readonly text: string;
  readonly from: Instant;
  /** Not included. */
  readonly until: Instant;
}

export type Covers = 'day' | 'month';

const FORM: Readonly<Record<Covers, RegExp>> = { day: /^\d{4}-\d{2}-\d{2}$/, month: /^\d{4}-\d{2}$/ };
/** Before it nobody had credits; after it nobody reads a date of four digits. */
const YEAR_MIN = 2000;
const YEAR_MAX = 9998;

/** What a text names; undefined where it has another form, or names no day or month of the calendar. */
export function periodOf(covers: Covers, text: string): Period | undefined {
  if (!FORM[covers].test(text)) return undefined;
  const [year = 0, month = 0, day = 1] = text.split('-').map(Number);
  if (year < YEAR_MIN || year > YEAR_MAX) return undefined;
  const period = periodAt(covers, Date.UTC(year, month - 1, day));
  return period.text === text ? period : undefined;
}

/** The last whole day or month that had ended at a moment. */
export function lastEndedPeriod(covers: Covers, at: Instant): Period {
  const { from } = periodAt(covers, at);
  return periodAt(covers, from - 1);
}

/** Whether nothing can happen in it any more. */
export const isOver = ({ until }: Period, now: Instant): boolean => until <= now;

/** The day or month that holds a moment. */
function periodAt(covers: Covers, at: Instant): Period {
  const date = new Date(at);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  const [from, until] =
    covers === 'day'
      ? [Date.UTC(year, month, day), Date.UTC(year, month, day + 1)]
      : [Date.UTC(year, month, 1), Date.UTC(year, month + 1, 1)];
  return { text: new Date(from).toISOString().slice(0, covers === 'day' ? 10 : 7), from, until };
}
