import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import type { AnswerFacts, ProviderAttempt } from '../../src/accounts/domain/accounts.events.js';
import type { Instant } from '../../src/kernel/time.js';
import { endedAtOf, endingOf, type GenerationStatus, statusOf } from './generation.projection.js';
import { GenerationHistory, type Told } from './generation-history.js';
import type { Generation } from './usage-tables.projection.js';

/** A generation, with what its last end says. Amounts are nano-credits. */
export interface GenerationRecord {
  readonly generationId: string;
  readonly keyId: string;
  readonly model: string;
  readonly status: GenerationStatus;
  /** The outcome of the settlement, or the reason of the release; null while it is open. */
  readonly ending: string | null;
  readonly reservedAt: Instant;
  readonly endedAt: Instant | null;
  readonly cost: bigint;
  /** Tokens by class; empty until it is settled. */
  readonly classes: Readonly<Record<string, number>>;
  readonly attempts: readonly ProviderAttempt[];
  /** How the answer was given; empty where that is not on record. */
  readonly answer: Partial<AnswerFacts>;
}

/** What was this generation of this account? Undefined where the account has made no such one. */
export class GetGeneration extends Query<GenerationRecord | undefined> {
  constructor(
    readonly accountId: string,
    readonly generationId: string,
  ) {
    super();
  }
}

/** Answers at once, however far the projection is. */
@QueryHandler(GetGeneration)
export class GetGenerationHandler implements IQueryHandler<GetGeneration> {
  constructor(private readonly history: GenerationHistory) {}

  async execute({ accountId, generationId }: GetGeneration): Promise<GenerationRecord | undefined> {
    const found = await this.history.find(accountId, generationId);
    if (!found) return undefined;
    const { generation, ahead } = found;
    return recordOf(generation, await this.endOf(generation, ahead));
  }

  private endOf(generation: Generation, ahead: readonly Told[]): Promise<Told> | undefined {
    const revision = generation.chargedRevision ?? generation.releasedRevision;
    return revision === null ? undefined : this.history.toldAt(generation, revision, ahead);
  }
}

function recordOf(generation: Generation, end: Told | undefined): GenerationRecord {
  const { generationId, keyId, model, reservedAt, cost } = generation;
  const known = {
    generationId,
    keyId,
    model,
    reservedAt,
    cost,
    status: statusOf(generation),
    ending: endingOf(generation),
    endedAt: endedAtOf(generation),
  };
  switch (end?.event.type) {
    case 'ReservationSettled':
    case 'LateSettlementRecorded': {
      const { usage, attempts, answer } = end.event.data;
      return { ...known, classes: usage.classes, attempts, answer: answer ?? {} };
    }
    case 'ReservationReleased':
      return { ...known, classes: {}, attempts: end.event.data.attempts ?? [], answer: {} };
    default:
      return { ...known, classes: {}, attempts: [], answer: {} };
  }
}
