import {
  type CircuitBreakerPolicy,
  CircuitState,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
  SamplingBreaker,
} from 'cockatiel';
import { type Provider, ProviderError } from './provider.js';

/** Of the calls of the last half minute, half have failed: nobody else is sent there until it has had time to recover. */
const FAILING = { threshold: 0.5, duration: 30_000, minimumRps: 0.1 };
const RECOVERY = { initialDelay: 5_000, maxDelay: 120_000 };
/** Times of the last calls that a route's figures are made from. */
const SAMPLES = 64;
/** Routes come from the price book, which operators write; a bound all the same. */
const ROUTES_MAX = 10_000;

/** What this process has seen of a route lately. */
export interface RouteFigures {
  readonly failing: boolean;
  /** Milliseconds to the first sign of an answer, newest last. */
  readonly latencyMs: readonly number[];
  /** Tokens a second of the answers that were long enough to say, newest last. */
  readonly tokensPerSecond: readonly number[];
}

interface Watched {
  readonly breaker: CircuitBreakerPolicy;
  readonly latencyMs: number[];
  readonly tokensPerSecond: number[];
}

/** How the routes do, as this process sees them: a breaker for each, so that no call waits for a provider that is down. */
export class RouteHealth {
  private readonly routes = new Map<string, Watched>();

  /** Whether a call would be refused here, or is the one that tries whether the route has recovered. */
  isFailing(provider: Provider, upstreamModel: string): boolean {
    const state = this.routes.get(keyOf(provider.id, upstreamModel))?.breaker.state;
    return state === CircuitState.Open || state === CircuitState.HalfOpen;
  }

  /**
   * Makes a call through the route's breaker. Where that is open it throws ProviderError `overloaded` and calls nobody. A refusal of
   * the request itself, and a caller who left, say nothing of the route.
   */
  async call<T>(provider: Provider, upstreamModel: string, call: () => Promise<T>): Promise<T> {
    const watched = this.watched(keyOf(provider.id, upstreamModel));
    if (watched.breaker.state === CircuitState.Open) throw resting(provider);
    const started = performance.now();
    const answer = await watched.breaker.execute(call).catch((error) => {
      throw error instanceof Error && 'isBrokenCircuitError' in error ? resting(provider) : error;
    });
    keep(watched.latencyMs, performance.now() - started);
    return answer;
  }

  /** An answer came at this rate. */
  served(provider: Provider, upstreamModel: string, tokens: number, milliseconds: number): void {
    if (milliseconds > 0) keep(this.watched(keyOf(provider.id, upstreamModel)).tokensPerSecond, (tokens * 1_000) / milliseconds);
  }

  /** undefined where nobody has called the route here. */
  of(providerId: string, upstreamModel: string): RouteFigures | undefined {
    const watched = this.routes.get(keyOf(providerId, upstreamModel));
    return watched && { ...watched, failing: watched.breaker.state === CircuitState.Open };
  }

  private watched(key: string): Watched {
    const known = this.routes.get(key);
    if (known) return known;
    if (this.routes.size >= ROUTES_MAX) this.routes.clear();
    const breaker = circuitBreaker(handleWhen(isRoutesFault), {
      halfOpenAfter: new ExponentialBackoff(RECOVERY),
      breaker: new SamplingBreaker(FAILING),
    });
    const watched = { breaker, latencyMs: [], tokensPerSecond: [] };
    this.routes.set(key, watched);
    return watched;
  }
}

const keyOf = (providerId: string, upstreamModel: string): string => `${providerId} ${upstreamModel}`;

const isRoutesFault = (error: Error): boolean =>
  error instanceof ProviderError && error.failure !== 'refused' && error.details.status !== CALLER_LEFT;

/** Status of a call that ended because its caller had left (nginx's 499). */
export const CALLER_LEFT = 499;

const resting = ({ name }: Provider): ProviderError =>
  new ProviderError('overloaded', `${name} has failed too often and is given time to recover.`, {
    provider: name,
    status: 0,
    retryAfterSeconds: RECOVERY.initialDelay / 1_000,
    code: 'circuit_open',
  });

function keep(samples: number[], sample: number): void {
  samples.push(sample);
  if (samples.length > SAMPLES) samples.shift();
}
