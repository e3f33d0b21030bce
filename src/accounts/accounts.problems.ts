import { ApiError } from '../http/api-error.js';
import { creditsAsNumber, formatCredits } from '../kernel/credits.js';
import type { AccountRejection } from './domain/account.decider.js';

const IN_FLIGHT_RETRY_AFTER_SECONDS = 5;

/** What each "no" of an account is over HTTP. */
export function problemOf(rejection: AccountRejection): ApiError {
  switch (rejection.reason) {
    case 'key_not_usable':
      return new ApiError(401, 'invalid_api_key', 'Invalid API key', { metadata: { error_type: 'authentication' } });
    case 'account_not_found':
      return new ApiError(404, 'account_not_found', 'There is no such account', { metadata: { error_type: 'not_found' } });
    case 'key_not_found':
      return new ApiError(404, 'key_not_found', 'The account has no such key', { metadata: { error_type: 'not_found' } });
    case 'account_exists':
      return new ApiError(409, 'account_exists', 'There is another account under this id');
    case 'key_exists':
      return new ApiError(409, 'key_exists', 'There is another key under this id');
    case 'grant_conflict':
      return new ApiError(409, 'grant_conflict', `Another grant was made as "${rejection.grantId}"`, { param: 'grant_id' });
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
