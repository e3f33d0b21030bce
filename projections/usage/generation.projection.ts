import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import { nano, nanoFromText, plus, ZERO } from '../../src/kernel/credits.js';
import { countsOf, NOTHING_USED } from './counts.projection.js';
import type { Generation, Place, StoredPlace } from './usage-tables.projection.js';

/** The events that say something about a single generation. */
export type GenerationEvent = Extract<
  AccountEvent,
  {
    type:
      | 'CreditsReserved'
      | 'ReservationExtended'
      | 'ReservationSettled'
      | 'ReservationReleased'
      | 'LateSettlementRecorded'
      | 'GenerationRefunded';
  }
>;
export type ChargeEvent = Extract<AccountEvent, { type: 'ReservationSettled' | 'LateSettlementRecorded' }>;

/**
 * Folds one event of a generation: into the stored row, or, for a read that must not wait for the projection, into what is ahead
 * of it. Throws where the event is of a generation that was never reserved.
 */
export function evolveGeneration(
  generation: Generation | undefined,
  event: GenerationEvent,
  accountId: string,
  place: Place,
): Generation {
  if (event.type === 'CreditsReserved') {
    const { generationId, keyId, quote } = event.data;
    const reserved = { reservedAt: place.at, reservedRevision: place.revision, reservedPosition: place.position };
    return { ...UNTOUCHED, accountId, generationId, keyId, quotedModel: quote.model, model: quote.model, ...reserved };
  }
  const known = mustBeKnown(generation, event.data.generationId);
  switch (event.type) {
    case 'ReservationExtended':
      return { ...known, extensions: [...known.extensions, stored(place)] };
    case 'ReservationSettled':
    case 'LateSettlementRecorded':
      return charged(known, event.data, place);
    case 'ReservationReleased':
      return {
        ...known,
        releaseReason: event.data.reason,
        releasedAt: place.at,
        releasedRevision: place.revision,
        releasedPosition: place.position,
      };
    case 'GenerationRefunded': {
      const { amount } = event.data;
      const refunds = [...known.refunds, { ...stored(place), amount }];
      return { ...known, refunded: plus(known.refunded, nanoFromText(amount)), refunds };
    }
  }
}

const NOT_CHARGED = {
  ...NOTHING_USED,
  provider: '',
  outcome: null,
  chargedAt: null,
  chargedRevision: null,
  chargedPosition: null,
  usageSource: null,
  priceVersion: null,
  formulaVersion: null,
} as const;
const NOT_RELEASED = { releaseReason: null, releasedAt: null, releasedRevision: null, releasedPosition: null } as const;
/** Of a generation that has only been reserved for. */
const UNTOUCHED = { ...NOT_CHARGED, ...NOT_RELEASED, refunded: ZERO, refunds: [], extensions: [] } as const;

function charged(known: Generation, charge: ChargeEvent['data'], { at, revision, position }: Place): Generation {
  const counts = countsOf(charge);
  return {
    ...known,
    promptTokens: counts.promptTokens,
    cachedTokens: counts.cachedTokens,
    completionTokens: counts.completionTokens,
    reasoningTokens: counts.reasoningTokens,
    cost: counts.cost,
    model: charge.model,
    provider: charge.attempts.at(-1)?.provider ?? '',
    outcome: charge.outcome,
    chargedAt: at,
    chargedRevision: revision,
    chargedPosition: position,
    usageSource: charge.usage.source,
    priceVersion: charge.priceVersion,
    formulaVersion: charge.formulaVersion,
  };
}

export type GenerationStatus = 'open' | 'settled' | 'released';

export const statusOf = ({ chargedPosition, releasedPosition }: Generation): GenerationStatus => {
  if (chargedPosition !== null) return 'settled';
  return releasedPosition === null ? 'open' : 'released';
};

/** When it was settled or released; a late settlement counts, not the release before it. */
export const endedAtOf = ({ chargedAt, releasedAt }: Generation) => chargedAt ?? releasedAt;
/** The outcome of the settlement, or the reason of the release; null while it is open. */
export const endingOf = ({ outcome, releaseReason }: Generation) => outcome ?? releaseReason;

/**
 * The generation as it was once. Undefined before it was made.
 * @param wasThere whether an event at a place had happened then
 */
export function generationAsOf(
  generation: Generation,
  wasThere: (place: { at: number; position: bigint }) => boolean,
): Generation | undefined {
  const { reservedAt, reservedPosition, releasedAt, releasedPosition, chargedAt, chargedPosition, quotedModel } = generation;
  if (!wasThere({ at: reservedAt, position: reservedPosition })) return undefined;
  const was = (at: number | null, position: bigint | null) => at !== null && position !== null && wasThere({ at, position });
  const isReleased = was(releasedAt, releasedPosition);
  const isCharged = was(chargedAt, chargedPosition);
  const wasStoredThere = ({ at, position }: StoredPlace) => wasThere({ at, position: BigInt(position) });
  const refunds = generation.refunds.filter(wasStoredThere);
  return {
    ...generation,
    ...(isReleased ? {} : NOT_RELEASED),
    ...(isCharged ? {} : { ...NOT_CHARGED, model: quotedModel }),
    refunds,
    refunded: nano(refunds.reduce((sum, { amount }) => sum + BigInt(amount), 0n)),
    extensions: generation.extensions.filter(wasStoredThere),
  };
}

const stored = ({ revision, position, at }: Place): StoredPlace => ({ revision: `${revision}`, position: `${position}`, at });

function mustBeKnown(generation: Generation | undefined, generationId: string): Generation {
  if (!generation) throw new Error(`generation ${generationId} is told of without having been reserved`);
  return generation;
}
