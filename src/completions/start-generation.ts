import { Injectable } from '@nestjs/common';
import { AccountWriter, problemOf } from '../accounts/index.js';
import type { Principal } from '../http/authentication.js';
import { GatewayClock } from '../http/clock.js';
import { PriceBook, quoteOf } from '../pricing/index.js';
import { Routing, upstreamParameters } from '../providers/index.js';
import type { ChatRequest } from './chat-request.js';
import { noProvider, unknownModel } from './completions.problems.js';
import { causeOf, type Generation, newGenerationId } from './generation.js';
import { tokenBounds } from './token-bounds.js';

/** By when a reservation must end; beyond it a recovery may take the generation for dead. */
const SETTLE_WITHIN_MS = 15 * 60_000;

/** Everything that happens before a byte leaves for the provider: resolve, quote, reserve. */
@Injectable()
export class GenerationStart {
  constructor(
    private readonly accounts: AccountWriter,
    private readonly prices: PriceBook,
    private readonly routing: Routing,
    private readonly clock: GatewayClock,
  ) {}

  /**
   * Sets credits aside for the most that the call can cost; durable when this resolves.
   * Throws ApiError: 400 unknown model, 402 too little credit, 401 where the key was revoked meanwhile, 503 without a provider.
   */
  async start(request: ChatRequest, principal: Principal): Promise<Generation> {
    const model = this.prices.resolve(request.model);
    if (!model) throw unknownModel(request.model);
    const route = this.routing.choose(model.routes);
    if (!route) throw noProvider(model.id);
    const bounds = tokenBounds(request, model);
    const hold = quoteOf(bounds, model.prices);
    const id = newGenerationId();
    const { rejection } = await this.accounts.execute(
      principal.accountId,
      {
        type: 'ReserveCredits',
        reservationId: id,
        generationId: id,
        keyId: principal.keyId,
        amount: hold,
        quote: { model: model.id, priceVersion: model.priceVersion, ...bounds },
        settleWithinMs: SETTLE_WITHIN_MS,
      },
      causeOf('reserve', id, principal),
    );
    if (rejection) throw problemOf(rejection);
    return {
      id,
      at: this.clock.now(),
      principal,
      request,
      model,
      provider: route.provider,
      call: {
        upstreamModel: route.upstreamModel,
        parameters: upstreamParameters(request, model.supportedParameters, {
          provider: route.provider.id,
          upstreamModel: route.upstreamModel,
        }),
      },
      hold,
    };
  }
}
