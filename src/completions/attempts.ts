import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import type { AnswerFacts } from '../accounts/domain/accounts.events.js';
import { AccountWriter } from '../accounts/index.js';
import type { NanoCredits } from '../kernel/credits.js';
import { callerLeft, isCallerLeft, isCircuitOpen, ProviderError, RouteHealth } from '../providers/index.js';
import { attemptBy, worstCost } from './attempt.js';
import { logFailure } from './completions.problems.js';
import { ReservationTimes } from './ends/live-generations.js';
import { attemptOf, causeOf, type Generation } from './generation.js';
import type { Candidate } from './routing/candidates.js';

/** A provider that says when to come back is taken at its word where that is soon, and nobody else can serve. */
const RETRIES_MAX = 2;
const RETRY_WAIT_MAX_MS = 5_000;

/** Nobody has served it: the last failure, and the generation with all that was tried. */
export class Unserved extends Error {
  constructor(
    readonly generation: Generation,
    readonly error: unknown,
  ) {
    super('no provider has served the generation');
  }
}

/** Serves a generation by one candidate after the other, under one reservation, until one accepts it. */
@Injectable()
export class Attempts {
  private readonly logger = new Logger('attempts');

  constructor(
    private readonly accounts: AccountWriter,
    private readonly health: RouteHealth,
    private readonly times: ReservationTimes,
  ) {}

  /**
   * Makes calls until one succeeds. Another provider is asked when one is down, slow or out of capacity; another model, where the
   * caller names several, also when the request itself was refused. Throws Unserved with the last failure.
   * @param goesOn whether anybody still waits for the answer
   */
  async serve<T>(
    first: Generation,
    call: (attempt: Generation) => Promise<T>,
    goesOn: () => boolean = () => true,
  ): Promise<{ readonly answer: T; readonly by: Generation }> {
    let attempt = first;
    for (let retries = 0; ; ) {
      const { provider, call: made } = attempt;
      // Whoever has left must not pay for a call that nobody waits for.
      if (!goesOn()) throw new Unserved(attempt, callerLeft(provider.name));
      try {
        const answer = await this.health.call(provider, made.upstreamModel, () => call(attempt));
        return { answer, by: attempt };
      } catch (error) {
        if (!(error instanceof ProviderError)) throw new Unserved(attempt, error);
        logFailure(attempt.id, error);
        const failed = withFailure(attempt, error);
        const next = goesOn() ? await this.fallback(failed, error) : undefined;
        const again = next ?? (goesOn() && retries++ < RETRIES_MAX && (await waited(error)) ? failed : undefined);
        if (!again) throw new Unserved(failed, error);
        attempt = again;
      }
    }
  }

  /** An answer of this many tokens has come: what the route's throughput is known from. */
  served({ provider, call }: Generation, tokens: number, { latencyMs, durationMs }: AnswerFacts): void {
    this.health.served(provider, call.upstreamModel, tokens, durationMs - latencyMs);
  }

  /** The next candidate that the account can pay for; undefined where there is none. Never rejects. */
  async fallback(generation: Generation, error: ProviderError): Promise<Generation | undefined> {
    if (isCallerLeft(error)) return undefined;
    // What a provider refused, the same model refuses elsewhere too; but not what could not even be said to one.
    const refused = error.failure === 'refused' && error.details.status !== 0 ? generation.model.id : undefined;
    let [candidate, ...fallbacks] = generation.fallbacks.filter(({ model }) => model.id !== refused);
    for (; candidate; [candidate, ...fallbacks] = fallbacks) {
      const attempt = attemptBy(candidate as Candidate, generation.request, generation.limit);
      const hold = await this.held(generation, worstCost(attempt, generation.at));
      if (hold !== undefined) return { ...generation, ...attempt, hold, fallbacks };
    }
    return undefined;
  }

  /** What is held once it is enough; undefined where the account has not so much, or nobody can say so now. */
  private async held({ id, principal, hold, failed }: Generation, needed: NanoCredits): Promise<NanoCredits | undefined> {
    if (needed <= hold) return hold;
    try {
      const { rejection, account } = await this.accounts.execute(
        principal.accountId,
        { type: 'ExtendReservation', reservationId: id, amount: needed, settleWithinMs: this.times.ttlMs },
        causeOf(`extend-for-attempt-${failed.length + 1}`, id, principal),
      );
      return rejection || !account.reservations.has(id) ? undefined : needed;
    } catch (error) {
      // An extension that was stored all the same is given back with the rest.
      this.logger.warn({ msg: 'no more could be held for another attempt', generationId: id, error: String(error) });
      return undefined;
    }
  }
}

/** The generation with the failed call among what was tried: where there was a call, and it did fail. */
export function withFailure(generation: Generation, error: ProviderError): Generation {
  if (isCircuitOpen(error) || isCallerLeft(error)) return generation;
  const failed = { ...attemptOf(generation, error.details.status), failure: error.failure };
  return { ...generation, failed: [...generation.failed, failed] };
}

async function waited(error: ProviderError): Promise<boolean> {
  const { failure, details } = error;
  const { retryAfterSeconds } = details;
  if ((failure !== 'rate_limited' && failure !== 'overloaded') || isCircuitOpen(error)) return false;
  if (retryAfterSeconds === undefined || retryAfterSeconds * 1_000 > RETRY_WAIT_MAX_MS) return false;
  await delay(retryAfterSeconds * 1_000);
  return true;
}
