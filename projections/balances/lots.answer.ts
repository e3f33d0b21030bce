import { z } from 'zod';
import { invalid } from '../../src/http/validation.js';
import { instantToText } from '../../src/kernel/time.js';
import { type ListedLots, LOT_STATUSES, type LotStatus } from './lots.query.js';
import { strictlyAsked } from './question.js';

export const askedLots = strictlyAsked.extend({ status: z.string().optional() });

/** Reads the parameter `status`. Throws the 400 that names it. */
export function lotStatusOf(text: string | undefined): LotStatus | undefined {
  const status = LOT_STATUSES.find((known) => known === text);
  if (text === undefined || status) return status;
  throw invalid('status', `must be one of ${LOT_STATUSES.join(', ')}`);
}

/** @param credits how amounts of nano-credits are written: numbers for customers, exact text for the administration */
export function lotsShown<Amount>(
  { accountId, at, lots }: ListedLots,
  status: LotStatus | undefined,
  credits: (nano: bigint) => Amount,
): object {
  const asked = status === undefined ? lots : lots.filter((lot) => lot.status === status);
  const data = asked.map((lot) => ({
    lot_id: lot.lotId,
    kind: lot.kind,
    status: lot.status,
    burn_down_place: lot.burnDownPlace,
    granted: credits(lot.granted),
    remaining: credits(lot.remaining),
    held: credits(lot.held),
    frozen: credits(lot.frozen),
    free: credits(lot.remaining - lot.held - lot.frozen),
    priority: lot.priority,
    cost_basis: credits(lot.costBasis),
    effective_at: instantToText(lot.effectiveAt),
    expires_at: lot.expiresAt === null ? null : instantToText(lot.expiresAt),
  }));
  return { user_id: accountId, at: instantToText(at), data };
}
