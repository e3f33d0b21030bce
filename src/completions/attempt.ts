import type { Quote } from '../accounts/domain/accounts.events.js';
import type { NanoCredits } from '../kernel/credits.js';
import type { Instant } from '../kernel/time.js';
import { type PricedModel, quoteOf, type TokenBounds } from '../pricing/index.js';
import { outputPlan, type Provider } from '../providers/index.js';
import type { ChatRequest } from './chat-request.js';
import type { Attempt } from './generation.js';
import type { Candidate } from './routing/candidates.js';
import { outputLimit } from './tokens/output-limit.js';
import { tokenBounds } from './tokens/token-bounds.js';

/**
 * The call that a candidate would get for a request. @param limit on the output of a choice where the caller names none: less
 * than by default, for an account that cannot hold more
 */
export function attemptBy({ model, provider, route, variant }: Candidate, request: ChatRequest, limit?: number): Attempt {
  const asked = variant.thinking && request['reasoning'] == null ? { ...request, reasoning: { enabled: true } } : request;
  const openEnded = limit === undefined && mayBeOpenEnded(request, model, provider);
  const { outputTokensMax, reasoning } = outputPlan(asked, limit ?? outputLimit(request, model).tokens, model);
  return {
    model,
    provider,
    bounds: tokenBounds(request, model, outputTokensMax),
    call: {
      upstreamModel: route.upstreamModel,
      request: request as Attempt['call']['request'],
      supportedParameters: model.supportedParameters,
      outputTokensMax: openEnded ? undefined : outputTokensMax,
      reasoning,
      routeParameters: route.parameters,
    },
  };
}

/**
 * Whether a stream may go out without a limit while what is held for it follows it: where every token is seen as it comes, and
 * closing the connection ends the bill.
 */
const mayBeOpenEnded = (request: ChatRequest, model: PricedModel, provider: Provider): boolean =>
  request.stream === true &&
  (request.n ?? 1) === 1 &&
  !model.reasoning &&
  model.outputModalities.every((each) => each === 'text') &&
  provider.stopsBillingOnAbort &&
  !provider.needsOutputLimit &&
  !outputLimit(request, model).asked &&
  outputLimit(request, model).tokens < model.maxCompletionTokens;

/** The most that an attempt can cost, at the prices of the moment. */
export const worstCost = ({ bounds, model }: Attempt, at: Instant): NanoCredits => quoteOf(bounds, model.prices, at);

/** What the reservation says it was computed from. */
export const quoteBehind = ({ model, bounds }: Attempt): Quote => ({
  model: model.id,
  priceVersion: model.priceVersion,
  ...bounds,
});

/** How many tokens of output, or where not even the prompt is affordable of the prompt, an amount pays for at most. */
export function affordableTokens({ bounds, model }: Attempt, amount: NanoCredits, at: Instant): TokenBounds {
  const { promptTokensMax, completionTokensMax } = bounds;
  const affordable = (tokens: TokenBounds) => quoteOf(tokens, model.prices, at) <= amount;
  const completion = most(completionTokensMax, (tokens) => affordable({ promptTokensMax, completionTokensMax: tokens }));
  if (completion > 0) return { promptTokensMax, completionTokensMax: completion };
  const prompt = most(promptTokensMax, (tokens) => affordable({ promptTokensMax: tokens, completionTokensMax: 0 }));
  return { promptTokensMax: prompt, completionTokensMax: 0 };
}

/** The greatest number up to a bound for which a test holds that holds for every smaller one. */
function most(bound: number, holds: (value: number) => boolean): number {
  let [low, high] = [0, bound];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (holds(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
