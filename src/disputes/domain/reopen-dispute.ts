import { accept, type Decision, reject } from '../../kernel/decider.js';
import { type Instant, instantFromText } from '../../kernel/time.js';
import type { Dispute } from './dispute.js';
import type { DisputeReopened, DisputeState } from './disputes.events.js';

export const REOPENINGS_MAX = 2;

export interface ReopenDispute {
  readonly type: 'ReopenDispute';
  readonly reopening: DisputeReopened['data'];
}

export type ReopenDisputeRejection =
  | { readonly reason: 'dispute_not_found' }
  | { readonly reason: 'reopening_conflict'; readonly reopeningId: string }
  | { readonly reason: 'dispute_not_decided'; readonly state: DisputeState }
  | { readonly reason: 'decision_not_carried_out' }
  | { readonly reason: 'payment_lost' }
  | { readonly reason: 'reopened_too_often'; readonly max: number }
  | { readonly reason: 'respond_by_passed_already' };

/**
 * Begins another round after a decision that was carried out. A lost payment is not reopened: its money is gone, and what comes back
 * of it is another payment.
 */
export function reopenDispute(
  { reopening }: ReopenDispute,
  dispute: Dispute,
  at: Instant,
): Decision<DisputeReopened, ReopenDisputeRejection> {
  const { opened, status, decision, carriedOut, reopenings } = dispute;
  if (!opened) return reject({ reason: 'dispute_not_found' });
  const { reopeningId } = reopening;
  const earlier = reopenings.get(reopeningId);
  if (earlier) {
    const same = earlier.reason === reopening.reason && earlier.by === reopening.by && earlier.respondBy === reopening.respondBy;
    return same ? accept() : reject({ reason: 'reopening_conflict', reopeningId });
  }
  if (!decision) return reject({ reason: 'dispute_not_decided', state: status });
  if (!carriedOut) return reject({ reason: 'decision_not_carried_out' });
  if (status === 'lost') return reject({ reason: 'payment_lost' });
  if (reopenings.size >= REOPENINGS_MAX) return reject({ reason: 'reopened_too_often', max: REOPENINGS_MAX });
  if (instantFromText(reopening.respondBy) <= at) return reject({ reason: 'respond_by_passed_already' });
  return accept({ type: 'DisputeReopened', data: reopening });
}
