import { type CircuitBreakerPolicy, CircuitState, circuitBreaker, handleWhen, SamplingBreaker } from 'cockatiel';
import { isCallerLeft, type Provider, ProviderError } from './provider.js';

/** Of the calls of the last half minute, half have failed: nobody is sent there until it has had time to recover. */
const FAILING = { threshold: 0.5, duration: 30_000, minimumRps: 0.3 };
const REST_MS = 10_000;
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
  /** When the breaker opened last. */
  openedAt: number;
  readonly latencyMs: number[];
  readonly tokensPerSecond: number[];
}

/** How the routes do, as this process sees them: a breaker for each, so that no call waits for a provider that is down. */
export class RouteHealth {
  private readonly routes = new Map<string, Watched>();

  /** Whether the route rests, or somebody is just trying whether it has recovered. */
  isFailing(provider: Provider, upstreamModel: string): boolean {
    const watched = this.routes.get(keyOf(provider.id, upstreamModel));
    return watched !== undefined && isResting(watched);
  }

  /**
   * Makes a call through the route's breaker. While that rests it throws a ProviderError for which `isCircuitOpen`, and calls nobody;
   * after that the first call tries the route, and the others go elsewhere until it is known how that ended. A refusal of the request
   * itself, and a caller who left, say nothing of the route.
   */
  async call<T>(provider: Provider, upstreamModel: string, call: () => Promise<T>): Promise<T> {
    const watched = this.watched(keyOf(provider.id, upstreamModel));
    if (isResting(watched)) throw resting(provider);
    const started = performance.now();
    const answer = await watched.breaker.execute(call);
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
    return watched && { ...watched, failing: isResting(watched) };
  }

  private watched(key: string): Watched {
    const known = this.routes.get(key);
    if (known) return known;
    if (this.routes.size >= ROUTES_MAX) this.routes.clear();
    const breaker = circuitBreaker(handleWhen(isRoutesFault), {
      halfOpenAfter: REST_MS,
      breaker: new SamplingBreaker(FAILING),
    });
    const watched: Watched = { breaker, openedAt: 0, latencyMs: [], tokensPerSecond: [] };
    breaker.onBreak(() => {
      watched.openedAt = Date.now();
    });
    this.routes.set(key, watched);
    return watched;
  }
}

const keyOf = (providerId: string, upstreamModel: string): string => `${providerId} ${upstreamModel}`;

/** The breaker itself makes callers wait for the one that tries; here they go elsewhere. */
const isResting = ({ breaker, openedAt }: Watched): boolean =>
  breaker.state === CircuitState.HalfOpen || (breaker.state === CircuitState.Open && Date.now() - openedAt < REST_MS);

const isRoutesFault = (error: Error): boolean =>
  error instanceof ProviderError && error.failure !== 'refused' && !isCallerLeft(error);

const CIRCUIT_OPEN = 'circuit_open';

/** Whether nobody was called, because the route is given time to recover. */
export const isCircuitOpen = ({ details }: ProviderError): boolean => details.code === CIRCUIT_OPEN;

const resting = ({ name }: Provider): ProviderError =>
  new ProviderError('overloaded', `${name} has failed too often and is given time to recover.`, {
    provider: name,
    status: 0,
    retryAfterSeconds: REST_MS / 1_000,
    code: CIRCUIT_OPEN,
  });

function keep(samples: number[], sample: number): void {
  samples.push(sample);
  if (samples.length > SAMPLES) samples.shift();
}
