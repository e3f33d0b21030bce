import { Injectable } from '@nestjs/common';
import type { Quote } from '../accounts/domain/accounts.events.js';
import { AccountWriter, problemOf } from '../accounts/index.js';
import { AppendOutcomeUnknown } from '../event-store/errors.js';
import type { Principal } from '../http/authentication.js';
import { GatewayClock } from '../http/clock.js';
import type { NanoCredits } from '../kernel/credits.js';
import { PriceBook, quoteOf } from '../pricing/index.js';
import { Routing, upstreamParameters } from '../providers/index.js';
import type { ChatRequest } from './chat-request.js';
import { noProvider, unknownModel } from './completions.problems.js';
import { causeOf, type Generation, newGenerationId } from './generation.js';
import { Settlements } from './settlements.js';
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
    private readonly settlements: Settlements,
  ) {}

  /**
   * Sets credits aside for the most that the call can cost; durable when this resolves.
   * Throws ApiError: 400 unknown model, 402 too little credit, 401 where the key was revoked meanwhile, 503 without a provider.
   */
  async start(request: ChatRequest, principal: Principal): Promise<Generation> {
    const model = this.prices.resolve(request.model);
    if (!model) throw unknownModel(request.model);
    const chosen = this.routing.choose(model.routes);
    if (!chosen) throw noProvider(model.id);
    const { provider, route } = chosen;
    const bounds = tokenBounds(request, model);
    const hold = quoteOf(bounds, model.prices);
    const id = newGenerationId();
    await this.reserve(id, principal, hold, { model: model.id, priceVersion: model.priceVersion, ...bounds });
    return {
      id,
      at: this.clock.now(),
      principal,
      request,
      model,
      provider,
      call: {
        upstreamModel: route.upstreamModel,
        parameters: { ...upstreamParameters(request, model.supportedParameters, route), ...route.parameters },
      },
      hold,
    };
  }

  private async reserve(id: string, principal: Principal, amount: NanoCredits, quote: Quote): Promise<void> {
    const command = {
      type: 'ReserveCredits',
      reservationId: id,
      generationId: id,
      keyId: principal.keyId,
      amount,
      quote,
      settleWithinMs: SETTLE_WITHIN_MS,
    } as const;
    const answer = this.accounts.execute(principal.accountId, command, causeOf('reserve', id, principal));
    const { rejection } = await answer.catch((error) => {
      // It may have been stored all the same: what it holds is given back as soon as the store says.
      if (error instanceof AppendOutcomeUnknown) this.settlements.abandon(id, principal);
      throw error;
    });
    if (rejection) throw problemOf(rejection);
  }
}
