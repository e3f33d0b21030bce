import { ApiError } from '../http/api-error.js';
import { invalid } from '../http/validation.js';
import { instantToText } from '../kernel/time.js';
import type { PeriodRejection } from './domain/periods.js';

/** What each "no" about a period is over HTTP. */
export function problemOf(rejection: PeriodRejection): ApiError {
  switch (rejection.reason) {
    case 'approver_is_requester':
      return invalid('approved_by', 'must be somebody else than requested_by');
    case 'period_not_over':
      return conflict('period_not_over', `The period can be closed from ${instantToText(rejection.closableAt)} on`);
    case 'period_out_of_order':
      return conflict('period_out_of_order', `The next period to close is ${rejection.next}`);
    case 'period_not_closed':
      return conflict('period_not_closed', 'The period is not closed');
    case 'period_not_last':
      return conflict('period_not_last', `Only the period that was closed last can be opened again: ${rejection.last}`);
  }
}

export const periodNotFound = (): ApiError =>
  new ApiError(404, 'period_not_found', 'The period was never closed', { param: 'period' });

const conflict = (code: string, message: string): ApiError => new ApiError(409, code, message, { param: 'period' });
