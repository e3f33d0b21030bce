/** One measurement as the load generator is asked for it, and what it answers. Both cross a process boundary as JSON. */
export interface Cell {
  port: number;
  /** Bearer tokens; connection i uses the i-th, round about. */
  keys: string[];
  /** Where the calls go; `/v1/chat/completions` without it. */
  path?: string;
  /** POST without it. */
  method?: 'GET' | 'POST';
  /** The JSON body of every call; empty for none. */
  body: string;
  connections: number;
  /** No call begins after this, nor after `callsMax` of them. */
  seconds: number;
  callsMax: number;
  /** Calls per second from an open loop; without it every connection calls again as soon as it is answered. */
  rate?: number;
  /** Time over which the connections of a closed loop begin, so that paced streams do not run in step. */
  spreadMs?: number;
  stream?: boolean;
}

export interface Quantiles {
  p50: number;
  p99: number;
}

export interface CellResult {
  completed: number;
  /** Reason → how often. A cell with errors says nothing about speed. */
  errors: Record<string, number>;
  elapsedMs: number;
  events: number;
  latencyMs: Quantiles;
  firstDataMs: Quantiles;
}
