import { Injectable } from '@nestjs/common';
import { RouteHealth } from '../providers/index.js';

/** Of a distribution. */
export interface Percentiles {
  readonly p50: number;
  readonly p75: number;
  readonly p90: number;
  readonly p99: number;
}

/** How a route has done of late; null where too little is known. */
export interface RouteFigures {
  /** Percent of the calls that were answered. */
  readonly uptimeLast5m: number | null;
  readonly uptimeLast30m: number | null;
  readonly uptimeLast1d: number | null;
  /** Milliseconds to the first token. */
  readonly latencyLast30m: Percentiles | null;
  /** Tokens a second. */
  readonly throughputLast30m: Percentiles | null;
}

/** How routes have done, for whoever shows or compares them. */
export abstract class RouteStatistics {
  /** Undefined where nothing is known of the route. */
  abstract of(provider: string, upstreamModel: string): RouteFigures | undefined;
}

/** What this process has seen of its own calls; whether a route was up for longer than that, nobody here knows. */
@Injectable()
export class SeenRouteStatistics extends RouteStatistics {
  constructor(private readonly health: RouteHealth) {
    super();
  }

  of(provider: string, upstreamModel: string): RouteFigures | undefined {
    const seen = this.health.of(provider, upstreamModel);
    if (!seen) return undefined;
    return {
      uptimeLast5m: null,
      uptimeLast30m: null,
      uptimeLast1d: null,
      latencyLast30m: percentiles(seen.latencyMs),
      throughputLast30m: percentiles(seen.tokensPerSecond),
    };
  }
}

const SAMPLES_MIN = 5;

function percentiles(samples: readonly number[]): Percentiles | null {
  if (samples.length < SAMPLES_MIN) return null;
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (part: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] as number);
  return { p50: at(0.5), p75: at(0.75), p90: at(0.9), p99: at(0.99) };
}
