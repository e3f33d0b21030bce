import { ApiError } from '../http/api-error.js';
import { invalid } from '../http/validation.js';
import { instantToText } from '../kernel/time.js';
import { FORMATS } from './files/formats.js';
import type { ReportRejection } from './request-report.js';

/** What each "no" of a report is over HTTP. */
export function problemOf(rejection: ReportRejection): ApiError {
  switch (rejection.reason) {
    case 'report_unknown':
      return invalid('report', 'is no report; GET /api/v3/admin/reports/catalogue lists them');
    case 'period_malformed':
      return invalid(
        'period',
        rejection.covers === 'month' ? 'must be a month as yyyy-mm, from 2000 on' : 'must be a day as yyyy-mm-dd, from 2000 on',
      );
    case 'period_open':
      return new ApiError(
        409,
        'period_open',
        `"period": is not over before ${instantToText(rejection.until)}; ask with "allow_open": true for a provisional report`,
        { param: 'period' },
      );
    case 'report_not_by_account':
      return invalid('account_id', 'is not taken by this report, which covers all accounts');
    case 'account_unknown':
      return new ApiError(404, 'account_not_found', '"account_id": there is no such account', {
        param: 'account_id',
        metadata: { error_type: 'not_found' },
      });
  }
}

const notFound = (code: string, message: string): ApiError =>
  new ApiError(404, code, message, { metadata: { error_type: 'not_found' } });

export const runNotFound = (): ApiError => notFound('run_not_found', 'There is no such run of a report');
export const scheduleNotFound = (): ApiError => notFound('schedule_not_found', 'There is no such schedule');
export const runNotFailed = (): ApiError => new ApiError(409, 'run_not_failed', 'Only a run that has failed is run again');
export const runNotDone = (state: string): ApiError =>
  new ApiError(409, 'run_not_done', `The run is ${state}; its files are there when it is done`);
export const formatUnknown = (): ApiError => invalid('format', `must be one of ${FORMATS.join(', ')}`);
