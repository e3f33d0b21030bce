import { Inject, Injectable } from '@nestjs/common';
import { type Query, QueryBus } from '@nestjs/cqrs';
import type { AnswerFacts, ProviderAttempt } from '../accounts/domain/accounts.events.js';
import type { Principal } from '../http/authentication.js';
import type { Instant } from '../kernel/time.js';

/** A generation from its reservation on. Amounts in nano-credits. */
export interface GenerationRecord {
  readonly generationId: string;
  readonly keyId: string;
  readonly model: string;
  readonly status: 'open' | 'settled' | 'released';
  /** The outcome of the settlement, or the reason of the release. */
  readonly ending: string | null;
  readonly reservedAt: Instant;
  readonly endedAt: Instant | null;
  readonly cost: bigint;
  /** Tokens by class. */
  readonly classes: Readonly<Record<string, number>>;
  readonly attempts: readonly ProviderAttempt[];
  /** Empty where it is not on record. */
  readonly answer: Partial<AnswerFacts>;
}

/** What a key was charged, in nano-credits: ever, and in the current day, week and month of UTC. */
export interface KeyUsage {
  readonly total: bigint;
  readonly daily: bigint;
  readonly weekly: bigint;
  readonly monthly: bigint;
}

export interface Activity {
  /** `yyyy-mm-dd` */
  readonly day: string;
  readonly model: string;
  readonly provider: string;
  readonly requests: bigint;
  readonly promptTokens: bigint;
  readonly completionTokens: bigint;
  readonly reasoningTokens: bigint;
  /** Nano-credits. */
  readonly cost: bigint;
}

/** Nano-credits; their difference is what is left. */
export interface CreditTotals {
  readonly given: bigint;
  readonly used: bigint;
}

type Question<Asked extends readonly unknown[], Answer> = new (...asked: Asked) => Query<Answer>;

/**
 * The questions that the read side answers, handed in by the composition root, which alone knows both sides. `position`: the answer
 * is at least as fresh. A read side that cannot be so throws ApiError 503.
 */
export interface Questions {
  /** Not by position: it answers from the account's own stream where the read side is behind. */
  readonly generation: Question<[accountId: string, generationId: string], GenerationRecord | undefined>;
  readonly keyUsage: Question<[accountId: string, position: bigint, at: Instant], ReadonlyMap<string, KeyUsage>>;
  readonly activity: Question<
    [accountId: string, position: bigint, firstDay: string, lastDay: string, keyId: string | undefined],
    readonly Activity[]
  >;
  readonly creditTotals: Question<[accountId: string, keyId: string, position: bigint], CreditTotals>;
}

export const QUESTIONS = Symbol('Questions');

const NO_USAGE: KeyUsage = { total: 0n, daily: 0n, weekly: 0n, monthly: 0n };

/** Asks the read side about the account of a principal, and about no other. */
@Injectable()
export class ReadSide {
  constructor(
    private readonly queries: QueryBus,
    @Inject(QUESTIONS) private readonly questions: Questions,
  ) {}

  generation({ accountId }: Principal, generationId: string): Promise<GenerationRecord | undefined> {
    return this.queries.execute(new this.questions.generation(accountId, generationId));
  }

  /** @returns what each key was charged; nothing for one that is not on record */
  async usageByKey({ accountId }: Principal, position: bigint, at: Instant): Promise<(keyId: string) => KeyUsage> {
    const usage = await this.queries.execute(new this.questions.keyUsage(accountId, position, at));
    return (keyId) => usage.get(keyId) ?? NO_USAGE;
  }

  activity(
    { accountId }: Principal,
    position: bigint,
    firstDay: string,
    lastDay: string,
    keyId?: string,
  ): Promise<readonly Activity[]> {
    return this.queries.execute(new this.questions.activity(accountId, position, firstDay, lastDay, keyId));
  }

  creditTotals({ accountId, keyId }: Principal, position: bigint): Promise<CreditTotals> {
    return this.queries.execute(new this.questions.creditTotals(accountId, keyId, position));
  }
}
