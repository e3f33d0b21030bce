import type { AccountRejection } from '../accounts/index.js';
import { ApiError } from '../http/api-error.js';
import { creditsAsNumber, formatCredits } from '../kernel/credits.js';
import type { TokenBounds } from '../pricing/index.js';

const IN_FLIGHT_RETRY_AFTER_SECONDS = 5;

type Insufficient = Extract<AccountRejection, { reason: 'insufficient_credits' }>;
type KeyLimit = Extract<AccountRejection, { reason: 'key_limit_exceeded' }>;

/** Why a request cannot be paid for, in tokens: what it may use at most, and what would be affordable. */
export interface Tokens {
  readonly asked: TokenBounds;
  readonly affordable: TokenBounds;
}

/** The 402 of OpenRouter: clients branch on `limit_source` and `reason`, people read the message. */
export function paymentRequired(rejection: Insufficient | KeyLimit, tokens: Tokens): ApiError {
  return rejection.reason === 'key_limit_exceeded' ? keyLimit(rejection, tokens) : insufficient(rejection, tokens);
}

function insufficient({ needed, available, reserved, owed }: Insufficient, tokens: Tokens): ApiError {
  const amounts = { needed: creditsAsNumber(needed), available: creditsAsNumber(available), ...affordable(tokens) };
  const costs = `It can cost up to ${formatCredits(needed)} credits, but only ${formatCredits(available)} are available`;
  if (owed === 0n && available + reserved >= needed) {
    return payment(
      `This request would exceed your available credits given your current in-flight requests. ${costs} while requests in flight hold ${formatCredits(reserved)}. Retry after in-flight requests settle, or add credits.`,
      {
        limit_source: 'openrouter_in_flight_budget',
        reason: 'in_flight_budget_exhausted',
        ...amounts,
        remedy_hint: 'Retry after the requests in flight settle, or add credits.',
      },
      IN_FLIGHT_RETRY_AFTER_SECONDS,
    );
  }
  const metadata = { limit_source: 'openrouter_credits', reason: 'weight_exceeds_budget', ...amounts };
  if (owed > 0n) {
    const message = `Insufficient credits. The account owes ${formatCredits(owed)} credits, which the next top-up repays first. Add credits to go on.`;
    return payment(message, { ...metadata, reason: 'account_owes', remedy_hint: 'Add credits.' });
  }
  if (available === 0n) {
    return payment(`Insufficient credits. ${costs}. Add more to go on.`, {
      ...metadata,
      reason: 'no_credits',
      remedy_hint: 'Add credits.',
    });
  }
  return payment(`${tooManyTokens(tokens)} ${costs}.`, { ...metadata, remedy_hint: 'Add credits, or lower max_tokens.' });
}

function keyLimit({ needed, remaining }: KeyLimit, tokens: Tokens): ApiError {
  const spendable = `It can cost up to ${formatCredits(needed)} credits, but this key may spend only ${formatCredits(remaining)} more.`;
  return payment(
    `${tooManyTokens(tokens)} ${spendable} Raise the key's limit, or ask for fewer max_tokens.`,
    {
      limit_source: 'openrouter_key_limit',
      reason: 'key_limit_exceeded',
      needed: creditsAsNumber(needed),
      available: creditsAsNumber(remaining),
      ...affordable(tokens),
      remedy_hint: 'Raise the limit of the API key, wait for its reset, or lower max_tokens.',
    },
    undefined,
    'key_limit_exceeded',
  );
}

function tooManyTokens({ asked, affordable }: Tokens): string {
  return affordable.completionTokensMax === 0
    ? `Prompt tokens limit exceeded: ${asked.promptTokensMax} > ${affordable.promptTokensMax}.`
    : `This request requires more credits, or fewer max_tokens. You requested up to ${asked.completionTokensMax} tokens, but can only afford ${affordable.completionTokensMax}.`;
}

const affordable = ({ affordable: { promptTokensMax, completionTokensMax } }: Tokens) => ({
  affordable_prompt_tokens: promptTokensMax,
  affordable_completion_tokens: completionTokensMax,
});

const payment = (message: string, metadata: object, retryAfterSeconds?: number, code = 'insufficient_credits'): ApiError =>
  new ApiError(402, code, message, {
    metadata: { error_type: 'payment_required', ...metadata },
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
