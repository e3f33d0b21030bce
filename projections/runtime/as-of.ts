import { z } from 'zod';
import { invalid } from '../../src/http/validation.js';
import { type Instant, instantFromText } from '../../src/kernel/time.js';

/**
 * A point in the past: all events decided until a moment, or all events up to a position of the store. An answer as of it is what
 * the read side showed then.
 */
export type AsOf = { readonly at: Instant } | { readonly position: bigint };

const POSITION = /^\d{1,18}$/;
const time = z.iso.datetime({ offset: true });
const EARLIEST = 0;
const LATEST = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Reads the parameter `as_of`. Throws the 400 that names it. */
export function asOfOf(text: string | undefined): AsOf | undefined {
  if (text === undefined) return undefined;
  // A parameter that is given twice arrives as a list.
  if (typeof text === 'string' && POSITION.test(text)) return { position: BigInt(text) };
  const at = time.safeParse(text).success ? instantFromText(text) : Number.NaN;
  if (at >= EARLIEST && at <= LATEST) return { at };
  throw invalid('as_of', 'must be an ISO 8601 time with a zone, or a position that a write answered with');
}

/** What lies ahead cannot be shown. Throws the 400 that names `as_of`. */
export function mustBePast(asOf: AsOf, now: Instant, head: bigint): void {
  if ('at' in asOf && asOf.at > now) throw invalid('as_of', 'must not be in the future');
  if ('position' in asOf && asOf.position > head)
    throw invalid('as_of', `must not be beyond the last event, at position ${head}`);
}
