import { Injectable } from '@nestjs/common';

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

/** Where nobody measures. */
@Injectable()
export class NoRouteStatistics extends RouteStatistics {
  of(): undefined {
    return undefined;
  }
}
