import { connect } from 'node:net';

/** Milliseconds by which an event loop was late for its timers. */
export interface LoopDelay {
  p50: number;
  p99: number;
  max: number;
}

/** NaN where nothing was seen. */
export function loopDelayOf(late: readonly number[]): LoopDelay {
  const sorted = Float64Array.from(late).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** What the probe on this socket has seen since it was asked last. */
export async function askProbe(path: string): Promise<LoopDelay> {
  let said = '';
  for await (const part of connect(path)) said += part;
  return JSON.parse(said) as LoopDelay;
}
