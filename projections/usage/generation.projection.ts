import type {
  AccountEvent,
  AnswerFacts,
  LateSettlementRecorded,
  ProviderAttempt,
} from '../../src/accounts/domain/accounts.events.js';
import { nanoFromText, ZERO } from '../../src/kernel/credits.js';
import type { Instant } from '../../src/kernel/time.js';
import type { Generation } from './usage-tables.projection.js';

/** The events that say something about a single generation. */
export type GenerationEvent = Extract<
  AccountEvent,
  { type: 'CreditsReserved' | 'ReservationSettled' | 'ReservationReleased' | 'LateSettlementRecorded' }
>;

/**
 * Folds one event of a generation: into the stored row, or, for a read that must not wait for the projection, into what is ahead
 * of it. Throws where the event ends a generation that was never reserved.
 */
export function evolveGeneration(
  generation: Generation | undefined,
  event: GenerationEvent,
  accountId: string,
  at: Instant,
): Generation {
  if (event.type === 'CreditsReserved') {
    const { generationId, keyId, quote } = event.data;
    return { ...NOT_ENDED, accountId, generationId, keyId, model: quote.model, reservedAt: at };
  }
  const known = mustBeKnown(generation, event.data.generationId);
  switch (event.type) {
    case 'ReservationSettled':
    case 'LateSettlementRecorded':
      return { ...known, ...charged(event.data), endedAt: at };
    case 'ReservationReleased':
      return {
        ...known,
        status: 'released',
        ending: event.data.reason,
        endedAt: at,
        attempts: (event.data.attempts ?? []).map(storableAttempt),
      };
  }
}

/** Of a generation that has not ended. */
const NOT_ENDED = {
  status: 'open',
  ending: null,
  endedAt: null,
  cost: ZERO,
  classes: {},
  usageSource: null,
  attempts: [],
  answer: {},
} as const;

const charged = ({ model, cost, usage, attempts, outcome, answer }: LateSettlementRecorded['data']) => ({
  status: 'settled' as const,
  ending: outcome,
  model,
  cost: nanoFromText(cost.rounded),
  classes: usage.classes,
  usageSource: usage.source,
  attempts: attempts.map(storableAttempt),
  answer: answer === undefined ? {} : storableAnswer(answer),
});

/** What PostgreSQL cannot hold in a text: U+0000 and halves of surrogate pairs. */
const UNSTORABLE = /[\0\p{Surrogate}]/gu;

/** A provider's id of its answer, and its reason to end it, are a stranger's texts: they must not stop an account's read model. */
const storableAttempt = (attempt: ProviderAttempt): ProviderAttempt =>
  attempt.upstreamId === undefined ? attempt : { ...attempt, upstreamId: attempt.upstreamId.replace(UNSTORABLE, '') };

const storableAnswer = (answer: AnswerFacts): AnswerFacts =>
  answer.finishReason === undefined ? answer : { ...answer, finishReason: answer.finishReason.replace(UNSTORABLE, '') };

function mustBeKnown(generation: Generation | undefined, generationId: string): Generation {
  if (!generation) throw new Error(`generation ${generationId} ended without having been reserved`);
  return generation;
}
