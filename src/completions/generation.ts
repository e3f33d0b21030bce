import { randomUUID } from 'node:crypto';
import type { Cause } from '../event-store/envelope.js';
import type { Principal } from '../http/authentication.js';
import type { NanoCredits } from '../kernel/credits.js';
import type { Instant } from '../kernel/time.js';
import type { PricedModel, TokenBounds } from '../pricing/index.js';
import type { ChatCall, Provider } from '../providers/index.js';
import type { ChatRequest } from './chat-request.js';

/** One completion of a client from its reservation to its end. The generation's id names its reservation too. */
export interface Generation {
  readonly id: string;
  /** When it began; `created` of the answer is this in seconds. */
  readonly at: Instant;
  readonly principal: Principal;
  readonly request: ChatRequest;
  readonly model: PricedModel;
  readonly provider: Provider;
  readonly call: ChatCall;
  readonly bounds: TokenBounds;
  readonly hold: NanoCredits;
}

/** `gen-` and 32 hexadecimal digits that nobody can guess. */
export const newGenerationId = (): string => `gen-${randomUUID().replaceAll('-', '')}`;

/** Who causes the events of a generation. A command's id is made from the generation, so a repeat has one effect. */
export const causeOf = (step: 'reserve' | 'settle' | 'release', generationId: string, principal: Principal): Cause => ({
  commandId: `${step}:${generationId}`,
  correlationId: generationId,
  actor: { type: 'api_key', id: principal.keyId },
});
