/**
 * The closings of accounting periods, stream `period-closings`. A period is a month of UTC, named `yyyy-mm`. A closed month takes
 * no more postings: what belongs to it and comes later is posted in the earliest month that is open.
 */
export type PeriodEvent = PeriodClosed | PeriodReopened;

/** `yyyy-mm` */
export type Period = string;

/** What counts in the month is what stands before this event in the order of all events. */
export interface PeriodClosed {
  readonly type: 'PeriodClosed';
  readonly data: {
    readonly period: Period;
    /** The last position of the accounts' events when it was decided, as decimal text; evidence, not the boundary. */
    readonly upTo: string;
    /** An opaque id of a person, never a name. */
    readonly requestedBy: string;
    readonly reason?: string;
  };
}

/** The month that was closed last takes postings again: asked for by one person, approved by another. */
export interface PeriodReopened {
  readonly type: 'PeriodReopened';
  readonly data: {
    readonly period: Period;
    readonly requestedBy: string;
    readonly approvedBy: string;
    readonly reason: string;
  };
}

/**
 * One stream for all of them: that closings have no gap is a rule over all months, and with one stream the store itself refuses
 * the second of two closings that were decided at once.
 */
export const PERIODS_STREAM = 'period-closings';

export const monthAfter = (period: Period): Period => monthsLater(period, 1);
export const monthBefore = (period: Period): Period => monthsLater(period, -1);

function monthsLater(period: Period, months: number): Period {
  const count = Number(period.slice(0, 4)) * 12 + Number(period.slice(5)) - 1 + months;
  const month = (count % 12) + 1;
  return `${String(Math.floor(count / 12)).padStart(4, '0')}-${month < 10 ? '0' : ''}${month}`;
}
