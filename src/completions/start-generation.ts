import { Injectable } from '@nestjs/common';
import type { Quote } from '../accounts/domain/accounts.events.js';
import { AccountWriter, problemOf } from '../accounts/index.js';
import { AppendOutcomeUnknown } from '../event-store/errors.js';
import type { Principal } from '../http/authentication.js';
import { GatewayClock } from '../http/clock.js';
import type { Claim } from '../idempotency/index.js';
import type { NanoCredits } from '../kernel/credits.js';
import { PriceBook, quoteOf } from '../pricing/index.js';
import { outputPlan, Routing } from '../providers/index.js';
import type { ChatRequest } from './chat-request.js';
import { noProvider, unknownModel } from './completions.problems.js';
import { causeOf, type Generation, newGenerationId } from './generation.js';
import { LiveGenerations, ReservationTimes } from './live-generations.js';
import { outputLimit } from './output-limit.js';
import { Settlements } from './settlements.js';
import { tokenBounds } from './token-bounds.js';

/** An attempt at a named request: two processes that run the same one reserve under the same id, and only one of them does. */
export type NamedAttempt = Pick<Claim, 'generationId' | 'holder'>;

/** Everything that happens before a byte leaves for the provider: resolve, quote, reserve. */
@Injectable()
export class GenerationStart {
  constructor(
    private readonly accounts: AccountWriter,
    private readonly prices: PriceBook,
    private readonly routing: Routing,
    private readonly clock: GatewayClock,
    private readonly settlements: Settlements,
    private readonly live: LiveGenerations,
    private readonly times: ReservationTimes,
  ) {}

  /**
   * Sets credits aside for the most that the call can cost; durable when this resolves.
   * Throws ApiError: 400 unknown model, 402 too little credit, 401 where the key was revoked meanwhile, 503 without a provider.
   */
  async start(request: ChatRequest, principal: Principal, named?: NamedAttempt): Promise<Generation> {
    const model = this.prices.resolve(request.model);
    if (!model) throw unknownModel(request.model);
    const [chosen] = this.routing.open(model.routes);
    if (!chosen) throw noProvider(model.id);
    const { provider, route } = chosen;
    const { outputTokensMax, reasoning } = outputPlan(request, outputLimit(request, model).tokens, model);
    const bounds = tokenBounds(request, model, outputTokensMax);
    const hold = quoteOf(bounds, model.prices);
    const id = named?.generationId ?? newGenerationId();
    await this.reserve(id, principal, named, hold, { model: model.id, priceVersion: model.priceVersion, ...bounds });
    return {
      id,
      at: this.clock.now(),
      principal,
      request,
      model,
      provider,
      call: {
        upstreamModel: route.upstreamModel,
        request,
        supportedParameters: model.supportedParameters,
        outputTokensMax,
        reasoning,
        routeParameters: route.parameters,
      },
      bounds,
      hold,
    };
  }

  private async reserve(
    id: string,
    principal: Principal,
    named: NamedAttempt | undefined,
    amount: NanoCredits,
    quote: Quote,
  ): Promise<void> {
    const settleBy = this.clock.now() + this.times.ttlMs;
    const command = {
      type: 'ReserveCredits',
      reservationId: id,
      generationId: id,
      keyId: principal.keyId,
      amount,
      quote,
      settleWithinMs: this.times.ttlMs,
    } as const;
    const cause = { ...causeOf('reserve', id, principal), ...(named ? { causationId: named.holder } : {}) };
    const answer = this.accounts.execute(principal.accountId, command, cause);
    const { rejection, events } = await answer.catch((error) => {
      // It may have been stored all the same: what it holds is given back as soon as the store says.
      if (error instanceof AppendOutcomeUnknown) this.settlements.abandon(id, principal);
      throw error;
    });
    if (rejection) throw problemOf(rejection);
    // Another process made it first: it runs this attempt.
    if (events.length === 0) throw problemOf({ reason: 'reservation_conflict', reservationId: id });
    this.live.add(id, principal.accountId, settleBy);
  }
}
