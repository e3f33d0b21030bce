import type { AnswerFacts, ProviderAttempt } from '../../src/accounts/domain/accounts.events.js';
import type { NanoCredits } from '../../src/kernel/credits.js';
import type { Instant } from '../../src/kernel/time.js';
import type { RowsOf } from '../runtime/projection.js';

/** The rows that answer what was used, call by call and day by day. Amounts are nano-credits. */
export interface UsageTables {
  readonly generations: Generation;
  readonly days: UsageOfDay;
}

/** One generation: made with its reservation, ended with its settlement or its release. */
export interface Generation {
  readonly accountId: string;
  readonly generationId: string;
  readonly keyId: string;
  readonly model: string;
  readonly status: 'open' | 'settled' | 'released';
  /** The outcome of the settlement, or the reason of the release; null while it is open. */
  readonly ending: string | null;
  readonly reservedAt: Instant;
  /** When it was settled or released; a late settlement counts, not the release before it. */
  readonly endedAt: Instant | null;
  /** The whole cost, whether or not credits covered it; refunds do not change it. Zero until it is settled. */
  readonly cost: NanoCredits;
  /** Tokens by class; empty until it is settled. */
  readonly classes: Readonly<Record<string, number>>;
  /** Whose figures these are: provider, drained or estimated; null until it is settled. */
  readonly usageSource: string | null;
  readonly attempts: readonly ProviderAttempt[];
  /** How the answer was given; empty where that is not on record. */
  readonly answer: Partial<AnswerFacts>;
}

/** What one key used of one model at one provider in a day of UTC, by the time of the settlement. */
export interface UsageOfDay {
  readonly accountId: string;
  /** `yyyy-mm-dd` */
  readonly day: string;
  readonly keyId: string;
  readonly model: string;
  /** That answered last; empty where none is on record. */
  readonly provider: string;
  readonly requests: bigint;
  readonly promptTokens: bigint;
  /** Reasoning included. */
  readonly completionTokens: bigint;
  readonly reasoningTokens: bigint;
  readonly cost: NanoCredits;
}

export type UsageRows = RowsOf<UsageTables>;
