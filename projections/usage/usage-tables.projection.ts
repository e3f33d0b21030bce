import type { NanoCredits } from '../../src/kernel/credits.js';
import type { Instant } from '../../src/kernel/time.js';
import type { RowsOf } from '../runtime/projection.js';

/** The rows that answer what was used: call by call, by hour and by day. Amounts are nano-credits. */
export interface UsageTables {
  readonly generations: Generation;
  readonly hours: UsageOfHour;
  readonly days: UsageOfDay;
}

/** Where in the account's stream something is said, and when it was decided. */
export interface Place {
  readonly revision: bigint;
  readonly position: bigint;
  readonly at: Instant;
}

/** The same in a column of JSON: integers as decimal text. */
export interface StoredPlace {
  readonly revision: string;
  readonly position: string;
  readonly at: Instant;
}

/** A refund of a generation, in nano-credits. */
export interface StoredRefund extends StoredPlace {
  readonly amount: string;
}

/**
 * One generation: made with its reservation, ended with its settlement or its release, charged late perhaps. It has the figures
 * that lists and sums need, and of everything else the place in the account's stream.
 */
export interface Generation extends Counts {
  readonly accountId: string;
  readonly generationId: string;
  readonly keyId: string;
  /** That was reserved for. */
  readonly quotedModel: string;
  /** That was charged; until then the one that was reserved for. */
  readonly model: string;
  /** That was charged for; empty until it is charged, or where none is on record. */
  readonly provider: string;
  readonly reservedAt: Instant;
  readonly reservedRevision: bigint;
  readonly reservedPosition: bigint;
  /** Null where it was not given back. A late settlement leaves them as they are. */
  readonly releaseReason: string | null;
  readonly releasedAt: Instant | null;
  readonly releasedRevision: bigint | null;
  readonly releasedPosition: bigint | null;
  /** By its settlement or by a late one; null where it was not. */
  readonly outcome: string | null;
  readonly chargedAt: Instant | null;
  readonly chargedRevision: bigint | null;
  readonly chargedPosition: bigint | null;
  /** Whose figures these are: provider, drained or estimated; null until it is charged, as the versions are. */
  readonly usageSource: string | null;
  readonly priceVersion: string | null;
  readonly formulaVersion: string | null;
  /** What was given back of the cost since. */
  readonly refunded: NanoCredits;
  readonly refunds: readonly StoredRefund[];
  /** Where more was reserved, or for longer. */
  readonly extensions: readonly StoredPlace[];
}

/** Of one call or of many. */
export interface Counts {
  /** Caches included. */
  readonly promptTokens: bigint;
  /** Of the prompt's: read from a cache. */
  readonly cachedTokens: bigint;
  /** Reasoning included. */
  readonly completionTokens: bigint;
  readonly reasoningTokens: bigint;
  /** The whole cost, whether or not credits covered it; refunds do not change it. */
  readonly cost: NanoCredits;
}

/** What one key used of one model at one provider in a span of UTC, by the time of the settlement. */
export interface UsageOfSpan extends Counts {
  readonly accountId: string;
  readonly keyId: string;
  readonly model: string;
  /** That answered last; empty where none is on record. */
  readonly provider: string;
  readonly requests: bigint;
  /** Of the requests: those whose tokens were counted here. */
  readonly estimatedRequests: bigint;
  /** Of the first and the last charge that is counted: what of the span was there as of a position in between is in the generations. */
  readonly firstPosition: bigint;
  readonly lastPosition: bigint;
  /** None that is counted was reserved earlier. */
  readonly reservedFrom: Instant;
}

export interface UsageOfHour extends UsageOfSpan {
  /** `yyyy-mm-ddThh` */
  readonly hour: string;
}

export interface UsageOfDay extends UsageOfSpan {
  /** `yyyy-mm-dd` */
  readonly day: string;
}

export type UsageRows = RowsOf<UsageTables>;
