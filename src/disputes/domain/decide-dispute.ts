import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { Dispute } from './dispute.js';
import type { DisputeDecided, DisputeDecision, DisputeKind, DisputeState } from './disputes.events.js';

export interface DecideDispute {
  readonly type: 'DecideDispute';
  readonly decision: DisputeDecided['data'];
}

export type DecideDisputeRejection =
  | { readonly reason: 'dispute_not_found' }
  | { readonly reason: 'decision_conflict'; readonly decisionId: string }
  | { readonly reason: 'decision_not_of_kind'; readonly decision: DisputeDecision; readonly kind: DisputeKind }
  | { readonly reason: 'generation_not_disputed'; readonly generationId: string }
  | { readonly reason: 'dispute_not_decidable'; readonly state: DisputeState };

/**
 * Ends the round. A payment is won only by an answer that was submitted; giving it up, and usage, can be decided at any time before.
 * The same decision twice is one, in whatever round it was made.
 */
export function decideDispute({ decision }: DecideDispute, dispute: Dispute): Decision<DisputeDecided, DecideDisputeRejection> {
  const { opened, status } = dispute;
  if (!opened) return reject({ reason: 'dispute_not_found' });
  const { decisionId } = decision;
  const earlier = dispute.decisions.get(decisionId);
  if (earlier) return isSameDecision(earlier, decision) ? accept() : reject({ reason: 'decision_conflict', decisionId });
  const { kind } = opened;
  if ((decision.decision === 'refund' && kind !== 'usage') || (decision.decision === 'claw_back' && kind !== 'payment'))
    return reject({ reason: 'decision_not_of_kind', decision: decision.decision, kind });
  const stranger = decision.refunds?.find(({ generationId }) => !opened.generationIds?.includes(generationId));
  if (stranger) return reject({ reason: 'generation_not_disputed', generationId: stranger.generationId });
  const isEarly = status === 'needs_response' && (kind === 'usage' || decision.decision === 'claw_back');
  if (status !== 'under_review' && !isEarly) return reject({ reason: 'dispute_not_decidable', state: status });
  return accept({ type: 'DisputeDecided', data: decision });
}

function isSameDecision(a: DisputeDecided['data'], b: DisputeDecided['data']): boolean {
  const [left, right] = [a.refunds ?? [], b.refunds ?? []];
  return (
    a.decision === b.decision &&
    a.intoExpired === b.intoExpired &&
    a.decidedBy === b.decidedBy &&
    a.reason === b.reason &&
    left.length === right.length &&
    left.every(({ generationId, amount }, at) => generationId === right[at]?.generationId && amount === right[at]?.amount)
  );
}
