import { Injectable } from '@nestjs/common';
import { type AccountRejection, AccountWriter, problemOf } from '../accounts/index.js';
import { AppendOutcomeUnknown } from '../event-store/errors.js';
import type { Principal } from '../http/authentication.js';
import { GatewayClock } from '../http/clock.js';
import type { Claim } from '../idempotency/index.js';
import type { NanoCredits } from '../kernel/credits.js';
import { PriceBook } from '../pricing/index.js';
import { RouteHealth, Routing } from '../providers/index.js';
import { affordableTokens, attemptBy, quoteBehind, worstCost } from './attempt.js';
import type { ChatRequest } from './chat-request.js';
import { LiveGenerations, ReservationTimes } from './ends/live-generations.js';
import { Settlements } from './ends/settlements.js';
import { type Attempt, causeOf, type Generation, newGenerationId } from './generation.js';
import { paymentRequired } from './payment-problems.js';
import { type Candidate, candidatesFor, type Task } from './routing/candidates.js';
import { outputLimit } from './tokens/output-limit.js';

/** An attempt at a named request: two processes that run the same one reserve under the same id, and only one of them does. */
export type NamedAttempt = Pick<Claim, 'generationId' | 'holder'>;

/** An answer shorter than this is not worth beginning where the caller has not asked for a short one. */
const TOKENS_MIN = 256;

/** Everything that happens before a byte leaves for the provider: resolve, quote, reserve. */
@Injectable()
export class GenerationStart {
  constructor(
    private readonly accounts: AccountWriter,
    private readonly prices: PriceBook,
    private readonly routing: Routing,
    private readonly health: RouteHealth,
    private readonly clock: GatewayClock,
    private readonly settlements: Settlements,
    private readonly live: LiveGenerations,
    private readonly times: ReservationTimes,
  ) {}

  /**
   * Sets credits aside for the most that the call can cost; durable when this resolves.
   * Throws ApiError: 400 unknown model, 402 too little credit, 401 where the key was revoked meanwhile, 404 where the request's
   * preferences leave nobody to serve it, 503 without a provider.
   */
  async start(request: ChatRequest, principal: Principal, named?: NamedAttempt, task: Task = 'chat'): Promise<Generation> {
    const [first, ...fallbacks] = this.candidates(request, task);
    const at = this.clock.now();
    const id = named?.generationId ?? newGenerationId();
    const { attempt, hold, limit, reservedAt } = await this.reserveFor(first, request, { id, at, principal, named });
    return { id, at, principal, request, ...attempt, hold, limit, reservedAt, failed: [], fallbacks };
  }

  /** Who may serve a request, the one that would be tried first first. */
  candidates(request: ChatRequest, task: Task = 'chat'): readonly [Candidate, ...Candidate[]] {
    return candidatesFor(request, { prices: this.prices, routing: this.routing, health: this.health, task });
  }

  /**
   * Reserves for all that the caller asks for. Where the caller has named no limit and the account cannot hold the usual one, for a
   * shorter answer: that is what it can pay.
   */
  private async reserveFor(candidate: Candidate, request: ChatRequest, reservation: Reservation): Promise<Reserved> {
    const { at } = reservation;
    const attempt = attemptBy(candidate, request);
    const hold = worstCost(attempt, at);
    const no = await this.reserve(reservation, attempt, hold);
    if (typeof no === 'bigint') return { attempt, hold, reservedAt: no };
    const affordable = affordableTokens(attempt, no.reason === 'key_limit_exceeded' ? no.remaining : no.available, at);
    const limit = Math.floor(affordable.completionTokensMax / (request.n ?? 1));
    if (!outputLimit(request, candidate.model).asked && limit >= TOKENS_MIN) {
      const shorter = attemptBy(candidate, request, limit);
      const less = worstCost(shorter, at);
      const reservedAt = less < hold ? await this.reserve(reservation, shorter, less) : no;
      if (typeof reservedAt === 'bigint') return { attempt: shorter, hold: less, limit, reservedAt };
    }
    throw paymentRequired(no, { asked: attempt.bounds, affordable });
  }

  /** @returns the position of `$all` at which it is reserved, or why it cannot be paid for */
  private async reserve(
    { id, at, principal, named }: Reservation,
    attempt: Attempt,
    amount: NanoCredits,
  ): Promise<bigint | Unpaid> {
    const command = {
      type: 'ReserveCredits',
      reservationId: id,
      generationId: id,
      keyId: principal.keyId,
      amount,
      quote: quoteBehind(attempt),
      settleWithinMs: this.times.ttlMs,
    } as const;
    const cause = { ...causeOf('reserve', id, principal), ...(named ? { causationId: named.holder } : {}) };
    const answer = this.accounts.execute(principal.accountId, command, cause);
    const { rejection, events, position } = await answer.catch((error) => {
      // It may have been stored all the same: what it holds is given back as soon as the store says.
      if (error instanceof AppendOutcomeUnknown) this.settlements.abandon(id, principal);
      throw error;
    });
    if (rejection?.reason === 'insufficient_credits' || rejection?.reason === 'key_limit_exceeded') return rejection;
    if (rejection) throw problemOf(rejection);
    // Another process made it first: it runs this attempt.
    if (events.length === 0) throw problemOf({ reason: 'reservation_conflict', reservationId: id });
    this.live.add(id, principal.accountId, at + this.times.ttlMs);
    return position;
  }
}

type Unpaid = Extract<AccountRejection, { reason: 'insufficient_credits' | 'key_limit_exceeded' }>;

interface Reservation {
  readonly id: string;
  readonly at: number;
  readonly principal: Principal;
  readonly named: NamedAttempt | undefined;
}

interface Reserved {
  readonly attempt: Attempt;
  readonly hold: NanoCredits;
  readonly limit?: number;
  readonly reservedAt: bigint;
}
