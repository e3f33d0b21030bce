import { accept, type Decider, type Decision, type Rejection, reject } from '../../kernel/decider.js';
import type { Instant } from '../../kernel/time.js';
import { monthAfter, type Period, type PeriodClosed, type PeriodEvent, type PeriodReopened } from './periods.events.js';

/** What is decided while a month ends may still be on its way to the store. */
export const GRACE_MS = 5 * 60_000;

export interface ClosePeriod {
  readonly type: 'ClosePeriod';
  readonly period: Period;
  readonly upTo: bigint;
  readonly requestedBy: string;
  readonly reason: string | undefined;
}

export interface ReopenPeriod {
  readonly type: 'ReopenPeriod';
  readonly period: Period;
  readonly requestedBy: string;
  readonly approvedBy: string;
  readonly reason: string;
}

export type PeriodRejection = Rejection &
  (
    | { readonly reason: 'period_not_over'; readonly closableAt: Instant }
    | { readonly reason: 'period_out_of_order'; readonly next: Period }
    | { readonly reason: 'approver_is_requester' }
    | { readonly reason: 'period_not_closed' }
    | { readonly reason: 'period_not_last'; readonly last: Period }
  );

export interface Periods {
  /** The closed months, each the one after the one before. */
  readonly closed: readonly Period[];
  /** How months were opened again that are open now. */
  readonly reopened: ReadonlyMap<Period, PeriodReopened['data']>;
}

/** Closes months one after the other without a gap, and opens the last of them again. */
export const periodsDecider: Decider<ClosePeriod | ReopenPeriod, Periods, PeriodEvent, PeriodRejection> = {
  initialState: () => ({ closed: [], reopened: new Map() }),

  decide: (command, state, at) => (command.type === 'ClosePeriod' ? close(command, state, at) : reopen(command, state)),

  evolve(state, event) {
    const { period } = event.data;
    const reopened = new Map(state.reopened);
    switch (event.type) {
      case 'PeriodClosed':
        reopened.delete(period);
        return { closed: [...state.closed, period], reopened };
      case 'PeriodReopened':
        return { closed: state.closed.slice(0, -1), reopened: reopened.set(period, event.data) };
    }
    return unknownEvent(event);
  },
};

function close(
  { period, upTo, requestedBy, reason }: ClosePeriod,
  { closed }: Periods,
  at: Instant,
): Decision<PeriodClosed, PeriodRejection> {
  if (closed.includes(period)) return accept();
  const last = closed.at(-1);
  if (last !== undefined && period !== monthAfter(last)) return reject({ reason: 'period_out_of_order', next: monthAfter(last) });
  const closableAt = startOf(monthAfter(period)) + GRACE_MS;
  if (at < closableAt) return reject({ reason: 'period_not_over', closableAt });
  const said = reason === undefined ? {} : { reason };
  return accept({ type: 'PeriodClosed', data: { period, upTo: upTo.toString(), requestedBy, ...said } });
}

function reopen(
  { period, requestedBy, approvedBy, reason }: ReopenPeriod,
  { closed, reopened }: Periods,
): Decision<PeriodReopened, PeriodRejection> {
  const before = reopened.get(period);
  if (before?.requestedBy === requestedBy && before.approvedBy === approvedBy && before.reason === reason) return accept();
  if (requestedBy === approvedBy) return reject({ reason: 'approver_is_requester' });
  if (!closed.includes(period)) return reject({ reason: 'period_not_closed' });
  const last = closed.at(-1) as Period;
  if (period !== last) return reject({ reason: 'period_not_last', last });
  return accept({ type: 'PeriodReopened', data: { period, requestedBy, approvedBy, reason } });
}

const startOf = (period: Period): Instant => Date.UTC(Number(period.slice(0, 4)), Number(period.slice(5)) - 1);

function unknownEvent(event: never): never {
  throw new Error(`unknown event of the periods: ${(event as { type: string }).type}`);
}
