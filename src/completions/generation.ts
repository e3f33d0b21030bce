import { randomUUID } from 'node:crypto';
import type { ProviderAttempt } from '../accounts/domain/accounts.events.js';
import type { Cause } from '../event-store/envelope.js';
import type { Principal } from '../http/authentication.js';
import type { NanoCredits } from '../kernel/credits.js';
import type { Instant } from '../kernel/time.js';
import type { PricedModel, TokenBounds } from '../pricing/index.js';
import type { ChatCall, Provider } from '../providers/index.js';
import type { ChatRequest } from './chat-request.js';
import type { Candidate } from './routing/candidates.js';

/** One completion of a client from its reservation to its end. The generation's id names its reservation too. */
export interface Generation extends Attempt {
  readonly id: string;
  /** When it began: `created` of the answer, and the moment whose prices it is charged by. */
  readonly at: Instant;
  readonly principal: Principal;
  readonly request: ChatRequest;
  /** On the output of a choice, where the account could not hold the usual one. */
  readonly limit?: number | undefined;
  /** What is held for it. */
  readonly hold: NanoCredits;
  /** Where the ledger shows that it is held. */
  readonly reservedAt: bigint;
  /** The calls that were made before the one at hand, and failed. */
  readonly failed: readonly ProviderAttempt[];
  /** Who else may serve it, in turn. */
  readonly fallbacks: readonly Candidate[];
}

/** One way to serve it: the call at hand, and what that can cost at most. */
export interface Attempt {
  readonly model: PricedModel;
  readonly provider: Provider;
  readonly call: ChatCall;
  readonly bounds: TokenBounds;
}

/** `gen-` and 32 hexadecimal digits that nobody can guess. */
export const newGenerationId = (): string => `gen-${randomUUID().replaceAll('-', '')}`;

/** Who causes the events of a generation. A command's id is made from the generation, so a repeat has one effect. */
export const causeOf = (step: string, generationId: string, principal: Principal): Cause => ({
  commandId: `${step}:${generationId}`,
  correlationId: generationId,
  actor: { type: 'api_key', id: principal.keyId },
});

/** A call as evidence. */
export const attemptOf = ({ model, provider, call, request }: Generation, status: number): ProviderAttempt => ({
  provider: provider.id,
  upstreamModel: call.upstreamModel,
  status,
  // Which of several models it was: where there is one, the settlement names it.
  ...(request.models ? { model: model.id } : {}),
});
