import { accept, type Decision } from '../../kernel/decider.js';
import { type Instant, instantFromText } from '../../kernel/time.js';
import type { Dispute } from './dispute.js';
import type { DisputeDecided, DisputeEscalated } from './disputes.events.js';

/** The time to answer may be over. */
export interface PassDeadline {
  readonly type: 'PassDeadline';
}

export const isOverdue = ({ opened, status, respondBy }: Dispute, at: Instant): boolean =>
  opened !== undefined && status === 'needs_response' && at >= instantFromText(respondBy);

/** A payment that nobody defended is lost; usage that nobody defended is decided by somebody. Before the time nothing happens. */
export function passDeadline(_: PassDeadline, dispute: Dispute, at: Instant): Decision<DisputeDecided | DisputeEscalated, never> {
  if (!isOverdue(dispute, at)) return accept();
  const { opened, round, respondBy } = dispute;
  if (opened?.kind === 'usage') return accept({ type: 'DisputeEscalated', data: { respondBy } });
  return accept({
    type: 'DisputeDecided',
    data: {
      decisionId: deadlineDecision(round),
      decision: 'claw_back',
      decidedBy: 'deadline',
      reason: 'no evidence was submitted in time',
    },
  });
}

/** No decision of a caller has an id with an `@`. */
export const deadlineDecision = (round: number): string => `deadline@${round}`;
