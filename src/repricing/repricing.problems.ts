import { ApiError } from '../http/api-error.js';
import { invalid } from '../http/validation.js';
import { formatCredits, nano } from '../kernel/credits.js';
import type { RepricingRejection } from './domain/repricing.js';
import type { TurnRejection } from './domain/repricing-turn.js';

/** What each "no" of a repricing is over HTTP. */
export function problemOf(rejection: RepricingRejection | TurnRejection): ApiError {
  switch (rejection.reason) {
    case 'repricing_not_found':
      return notFound('repricing_not_found', 'repricing_id', 'There is no such repricing');
    case 'repricing_conflict':
      return conflict('repricing_conflict', 'repricing_id', 'Another repricing was proposed under this id');
    case 'approver_is_requester':
      return invalid('approved_by', 'must be somebody else than requested_by');
    case 'repricing_ended':
      return conflict(
        'repricing_ended',
        'repricing_id',
        `The repricing is ${rejection.as.replace('_', ' ')}, by somebody else or otherwise`,
      );
    case 'repricing_stale':
      return conflict(
        'repricing_stale',
        'repricing_id',
        'Something has changed since the dry run; propose it anew under another id',
      );
    case 'free_credits_insufficient': {
      const [needed, missing] = [formatCredits(nano(rejection.needed)), formatCredits(nano(rejection.missing))];
      return new ApiError(
        409,
        'free_credits_insufficient',
        `The calls that become dearer need ${needed} free credits, of which ${missing} are missing. Ask for only_refunds, or add credits`,
        { metadata: { needed, missing } },
      );
    }
    case 'repricing_in_progress':
      return new ApiError(
        409,
        'repricing_in_progress',
        `Repricing "${rejection.holder}" of this account comes first: approve it again, or reject it`,
        { metadata: { repricing_id: rejection.holder } },
      );
  }
}

export const accountNotFound = (): ApiError => notFound('account_not_found', 'account_id', 'There is no such account');
export const priceVersionNotFound = (): ApiError =>
  notFound('price_version_not_found', 'price_version', 'No such price version was published');
export const modelNotFound = (): ApiError => notFound('model_not_found', 'model', 'There is no such model');
export const generationNotFound = (generationId: string): ApiError =>
  notFound('generation_not_found', 'generation_ids', `The account has made no generation "${generationId}"`);
export const generationNotCharged = (generationId: string): ApiError =>
  conflict('generation_not_charged', 'generation_ids', `Nothing was charged for the generation "${generationId}"`);
export const nothingSelected = (): ApiError => invalid('generation_ids', 'or the range selects no call that was charged');
export const tooManyCalls = (max: number): ApiError =>
  invalid('generation_ids', `or the range selects more than ${max} calls: select fewer at a time`);

const notFound = (code: string, param: string, message: string): ApiError =>
  new ApiError(404, code, message, { param, metadata: { error_type: 'not_found' } });
const conflict = (code: string, param: string, message: string): ApiError => new ApiError(409, code, message, { param });
