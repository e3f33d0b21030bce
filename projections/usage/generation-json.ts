import { formatCredits } from '../../src/kernel/credits.js';
import { type Instant, instantToText } from '../../src/kernel/time.js';
import { endedAtOf, endingOf, statusOf } from './generation.projection.js';
import type { Told } from './generation-history.js';
import type { Generation } from './usage-tables.projection.js';

/** A generation in a list: its figures, and where in the account's stream they are proven. Amounts are credits as decimal text. */
export function generationJson(generation: Generation) {
  const { reservedRevision, reservedPosition, releasedRevision, releasedPosition, chargedRevision, chargedPosition } = generation;
  return {
    generation_id: generation.generationId,
    key: generation.keyId,
    model: generation.model,
    quoted_model: generation.quotedModel,
    provider: generation.provider === '' ? null : generation.provider,
    status: statusOf(generation),
    ending: endingOf(generation),
    reserved_at: instantToText(generation.reservedAt),
    ended_at: textOf(endedAtOf(generation)),
    cost: formatCredits(generation.cost),
    refunded: formatCredits(generation.refunded),
    prompt_tokens: Number(generation.promptTokens),
    cached_tokens: Number(generation.cachedTokens),
    completion_tokens: Number(generation.completionTokens),
    reasoning_tokens: Number(generation.reasoningTokens),
    usage_source: generation.usageSource,
    price_version: generation.priceVersion,
    formula_version: generation.formulaVersion,
    charged_late: chargedRevision !== null && releasedRevision !== null,
    evidence: {
      reserved: placeJson(reservedRevision, reservedPosition),
      extended: generation.extensions.map(({ revision, position }) => ({ revision, position })),
      released: placeJson(releasedRevision, releasedPosition),
      charged: placeJson(chargedRevision, chargedPosition),
      refunded: generation.refunds.map(({ revision, position }) => ({ revision, position })),
    },
  };
}

/** All places of a generation in the account's stream, the earliest first. */
export function revisionsOf(generation: Generation): readonly bigint[] {
  const { reservedRevision, releasedRevision, chargedRevision, extensions, refunds } = generation;
  const further = [...extensions, ...refunds].map(({ revision }) => BigInt(revision));
  const all = [reservedRevision, releasedRevision, chargedRevision, ...further].filter((revision) => revision !== null);
  return all.sort((a, b) => (a < b ? -1 : 1));
}

/**
 * An event as the store has it: whoever has `stream`, `revision`, `type`, `data` and `metadata` can compute its hash anew. Amounts
 * in `data` are nano-credits as decimal text, `cost.exact` and prices pico-credits.
 */
export const eventJson = ({ event, place, metadata }: Told, stream: string) => ({
  stream,
  revision: place.revision.toString(),
  position: place.position.toString(),
  type: event.type,
  data: event.data,
  metadata,
});

const textOf = (at: Instant | null): string | null => (at === null ? null : instantToText(at));
const placeJson = (revision: bigint | null, position: bigint | null) =>
  revision === null || position === null ? null : { revision: revision.toString(), position: position.toString() };
