import { ApiError } from '../http/api-error.js';
import { inferenceNotAllowed } from '../http/permissions.js';
import { invalid } from '../http/validation.js';
import { creditsAsNumber, formatCredits } from '../kernel/credits.js';
import type { AccountRejection } from './domain/account.decider.js';

const IN_FLIGHT_RETRY_AFTER_SECONDS = 5;

/** What each "no" of an account is over HTTP. */
export function problemOf(rejection: AccountRejection): ApiError {
  switch (rejection.reason) {
    case 'key_not_usable':
      return new ApiError(401, 'invalid_api_key', 'Invalid API key', { metadata: { error_type: 'authentication' } });
    case 'key_cannot_infer':
      return inferenceNotAllowed();
    case 'account_not_found':
      return notFound('account_not_found', 'There is no such account');
    case 'key_not_found':
      return notFound('key_not_found', 'The account has no such key');
    case 'account_exists':
      return new ApiError(409, 'account_exists', 'There is another account under this id');
    case 'key_exists':
      return new ApiError(409, 'key_exists', 'There is another key under this id');
    case 'grant_conflict':
      return conflict('grant_conflict', 'grant_id', `Another grant was made as "${rejection.grantId}"`);
    case 'payment_conflict':
      return conflict('payment_conflict', 'payment_id', `Payment "${rejection.paymentId}" has made another grant`);
    case 'payment_not_found':
      return notFound('payment_not_found', `No grant of the account names the payment "${rejection.paymentId}"`);
    case 'key_revoked':
      return new ApiError(409, 'key_revoked', 'The key was revoked');
    case 'reset_without_limit':
      return invalid('limit_reset', 'needs a limit to reset');
    case 'refund_conflict':
      return conflict('refund_conflict', 'refund_id', `Another refund was made as "${rejection.refundId}"`);
    case 'refund_exceeds_cost':
      return tooMuch('refund_exceeds_cost', 'amount', `at most ${formatCredits(rejection.refundable)} can still be refunded`);
    case 'refund_exceeds_unused':
      return tooMuch('refund_exceeds_unused', 'amount', `at most ${formatCredits(rejection.unused)} of the payment are unused`);
    case 'account_owes':
      return new ApiError(409, 'account_owes', `The account owes ${formatCredits(rejection.owed)} credits, which come first`);
    case 'dispute_conflict':
      return conflict('dispute_conflict', 'dispute_id', `Another dispute was opened as "${rejection.disputeId}"`);
    case 'dispute_exceeds_payment':
      return tooMuch(
        'dispute_exceeds_payment',
        'amount',
        `at most ${formatCredits(rejection.disputable)} of the payment can be disputed`,
      );
    case 'dispute_not_found':
      return notFound('dispute_not_found', `The account has no dispute "${rejection.disputeId}"`);
    case 'dispute_ended':
      return new ApiError(409, 'dispute_ended', `The dispute was ${rejection.as} before`);
    case 'adjustment_conflict':
      return conflict('adjustment_conflict', 'adjustment_id', `Another adjustment was made as "${rejection.adjustmentId}"`);
    case 'amount_invalid':
      return invalid(rejection.field, 'must not be zero, and name each lot once');
    case 'approver_is_requester':
      return invalid('approved_by', 'must be somebody else than requested_by');
    case 'lot_not_found':
      return notFound('lot_not_found', `The account has no lot "${rejection.lotId}"`);
    case 'lot_expired':
      return new ApiError(409, 'lot_expired', `The lot "${rejection.lotId}" has expired; grant credits instead`);
    case 'adjustment_exceeds_free':
      return tooMuch(
        'adjustment_exceeds_free',
        'lines',
        `only ${formatCredits(rejection.free)} of "${rejection.lotId}" are free to be taken away`,
      );
    case 'reservation_not_overdue':
      return new ApiError(409, 'reservation_not_overdue', 'The reservation may still settle');
    case 'reservation_conflict':
      return new ApiError(409, 'reservation_conflict', 'Another request was made under this generation id');
    case 'reservation_not_open':
      return new ApiError(409, 'reservation_not_open', 'The reservation is not open');
    case 'expiry_in_past':
      return new ApiError(400, 'invalid_request', `"${rejection.field}": must be in the future, and after effective_at`, {
        param: rejection.field,
        metadata: { error_type: 'invalid_request' },
      });
    case 'insufficient_credits':
      return insufficientCredits(rejection);
    case 'key_limit_exceeded':
      return new ApiError(
        402,
        'key_limit_exceeded',
        `This request can cost up to ${formatCredits(rejection.needed)} credits, but this key may spend only ${formatCredits(rejection.remaining)} more. Raise the key's limit, or ask for fewer max_tokens.`,
        {
          metadata: {
            error_type: 'payment_required',
            limit_source: 'openrouter_key_limit',
            needed: creditsAsNumber(rejection.needed),
            available: creditsAsNumber(rejection.remaining),
            remedy_hint: 'Raise the limit of the API key, wait for its reset, or lower max_tokens.',
          },
        },
      );
  }
}

export const generationNotFound = (generationId: string): ApiError =>
  notFound('generation_not_found', `The account has made no generation "${generationId}"`);
/** Nothing to refund: it was given back, or goes on. */
export const generationNotCharged = (generationId: string): ApiError =>
  new ApiError(409, 'generation_not_charged', `Nothing was charged for the generation "${generationId}"`, {
    param: 'generation_id',
  });

const notFound = (code: string, message: string): ApiError =>
  new ApiError(404, code, message, { metadata: { error_type: 'not_found' } });
/** Asked before under the same name, for something else. */
const conflict = (code: string, param: string, message: string): ApiError => new ApiError(409, code, message, { param });
const tooMuch = (code: string, param: string, message: string): ApiError =>
  new ApiError(409, code, `"${param}": ${message}`, { param });

function insufficientCredits({
  needed,
  available,
  reserved,
  owed,
}: Extract<AccountRejection, { reason: 'insufficient_credits' }>): ApiError {
  const amounts = { needed: creditsAsNumber(needed), available: creditsAsNumber(available) };
  if (owed === 0n && available + reserved >= needed) {
    const message = `This request can cost up to ${formatCredits(needed)} credits, but only ${formatCredits(available)} are available while requests in flight hold ${formatCredits(reserved)}. Retry after they settle, or add credits.`;
    return new ApiError(402, 'insufficient_credits', message, {
      retryAfterSeconds: IN_FLIGHT_RETRY_AFTER_SECONDS,
      metadata: {
        error_type: 'payment_required',
        limit_source: 'openrouter_in_flight_budget',
        reason: 'in_flight_budget_exhausted',
        ...amounts,
        remedy_hint: 'Retry after the requests in flight settle, or add credits.',
      },
    });
  }
  const debt = owed > 0n ? ` The account owes ${formatCredits(owed)} credits, which the next top-up repays first.` : '';
  const message = `This request requires more credits, or fewer max_tokens. It can cost up to ${formatCredits(needed)} credits, but only ${formatCredits(available)} are available.${debt}`;
  return new ApiError(402, 'insufficient_credits', message, {
    metadata: {
      error_type: 'payment_required',
      limit_source: 'openrouter_credits',
      ...amounts,
      remedy_hint: 'Add credits, or lower max_tokens.',
    },
  });
}
