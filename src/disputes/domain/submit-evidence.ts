import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { Instant } from '../../kernel/time.js';
import { type ResponseRejection, whyNotAnswerable } from './add-evidence.js';
import type { Dispute } from './dispute.js';
import type { EvidenceSubmitted } from './disputes.events.js';

export interface SubmitEvidence {
  readonly type: 'SubmitEvidence';
  readonly submissionId: string;
  readonly submittedBy: string;
}

export type SubmitEvidenceRejection =
  | ResponseRejection
  | { readonly reason: 'submission_conflict'; readonly submissionId: string };

/** The answer to the dispute: with it the evidence is closed, and the review begins. The same submission twice is one. */
export function submitEvidence(
  { submissionId, submittedBy }: SubmitEvidence,
  dispute: Dispute,
  at: Instant,
): Decision<EvidenceSubmitted, SubmitEvidenceRejection> {
  if (!dispute.opened) return reject({ reason: 'dispute_not_found' });
  const earlier = dispute.submissions.get(submissionId);
  if (earlier) return earlier.submittedBy === submittedBy ? accept() : reject({ reason: 'submission_conflict', submissionId });
  const no = whyNotAnswerable(dispute, at);
  if (no) return reject(no);
  const evidence = [...dispute.evidence].map(([evidenceId, { sha256 }]) => ({ evidenceId, sha256 }));
  return accept({ type: 'EvidenceSubmitted', data: { submissionId, evidence, submittedBy } });
}
