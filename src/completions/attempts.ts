import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { AnswerFacts } from '../accounts/domain/accounts.events.js';
import { AccountWriter } from '../accounts/index.js';
import type { NanoCredits } from '../kernel/credits.js';
import { CALLER_LEFT, ProviderError, RouteHealth } from '../providers/index.js';
import { attemptBy, worstCost } from './attempt.js';
import { logFailure } from './completions.problems.js';
import { attemptOf, causeOf, type Generation } from './generation.js';
import { ReservationTimes } from './live-generations.js';
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
      try {
        const answer = await this.health.call(provider, made.upstreamModel, () => call(attempt));
        return { answer, by: attempt };
      } catch (error) {
        if (!(error instanceof ProviderError) || !goesOn()) throw new Unserved(attempt, error);
        logFailure(attempt.id, error);
        const failed = withFailure(attempt, error);
        const next = await this.fallback(failed, error);
        if (!next && !(retries++ < RETRIES_MAX && (await waited(error)))) throw new Unserved(failed, error);
        attempt = next ?? failed;
      }
    }
  }

  /** An answer of this many tokens has come: what the route's throughput is known from. */
  served({ provider, call }: Generation, tokens: number, { latencyMs, durationMs }: AnswerFacts): void {
    this.health.served(provider, call.upstreamModel, tokens, durationMs - latencyMs);
  }

  /** The next candidate that the account can pay for; undefined where there is none. */
  async fallback(generation: Generation, error: ProviderError): Promise<Generation | undefined> {
    if (error.details.status === CALLER_LEFT) return undefined;
    const refused = error.failure === 'refused' ? generation.model.id : undefined;
    let [candidate, ...fallbacks] = generation.fallbacks.filter(({ model }) => model.id !== refused);
    for (; candidate; [candidate, ...fallbacks] = fallbacks) {
      const attempt = attemptBy(candidate as Candidate, generation.request);
      const hold = await this.held(generation, worstCost(attempt, generation.at));
      if (hold !== undefined) return { ...generation, ...attempt, hold, fallbacks };
    }
    return undefined;
  }

  /** What is held once it is enough; undefined where the account has not so much. */
  private async held({ id, principal, hold, failed }: Generation, needed: NanoCredits): Promise<NanoCredits | undefined> {
    if (needed <= hold) return hold;
    const { rejection } = await this.accounts.execute(
      principal.accountId,
      { type: 'ExtendReservation', reservationId: id, amount: needed, settleWithinMs: this.times.ttlMs },
      causeOf(`extend-for-attempt-${failed.length + 1}`, id, principal),
    );
    return rejection ? undefined : needed;
  }
}

/** The generation with the failed call among what was tried. */
export const withFailure = (generation: Generation, { failure, details }: ProviderError): Generation => ({
  ...generation,
  failed: [...generation.failed, { ...attemptOf(generation, details.status), failure }],
});

async function waited({ failure, details: { retryAfterSeconds } }: ProviderError): Promise<boolean> {
  if (failure !== 'rate_limited' && failure !== 'overloaded') return false;
  if (retryAfterSeconds === undefined || retryAfterSeconds * 1_000 > RETRY_WAIT_MAX_MS) return false;
  await delay(retryAfterSeconds * 1_000);
  return true;
}
