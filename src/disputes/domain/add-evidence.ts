import { accept, type Decision, reject } from '../../kernel/decider.js';
import { type Instant, instantFromText } from '../../kernel/time.js';
import type { Dispute } from './dispute.js';
import type { DisputeState, EvidenceAdded } from './disputes.events.js';

/** Each is read with the dispute: a file belongs elsewhere, with its hash in a note. */
export const EVIDENCE_MAX = 50;

export interface AddEvidence {
  readonly type: 'AddEvidence';
  readonly evidence: EvidenceAdded['data'];
}

export type ResponseRejection =
  | { readonly reason: 'dispute_not_found' }
  | { readonly reason: 'dispute_not_answerable'; readonly state: DisputeState }
  | { readonly reason: 'respond_by_passed'; readonly respondBy: string };
export type AddEvidenceRejection =
  | ResponseRejection
  | { readonly reason: 'evidence_conflict'; readonly evidenceId: string }
  | { readonly reason: 'evidence_full'; readonly max: number };

/** Takes evidence until it is submitted, or its time is over. The same evidence twice is one. */
export function addEvidence(
  { evidence }: AddEvidence,
  dispute: Dispute,
  at: Instant,
): Decision<EvidenceAdded, AddEvidenceRejection> {
  if (!dispute.opened) return reject({ reason: 'dispute_not_found' });
  const { evidenceId, kind, sha256, addedBy } = evidence;
  const earlier = dispute.evidence.get(evidenceId);
  if (earlier) {
    const same = earlier.kind === kind && earlier.sha256 === sha256 && earlier.addedBy === addedBy;
    return same ? accept() : reject({ reason: 'evidence_conflict', evidenceId });
  }
  const no = whyNotAnswerable(dispute, at);
  if (no) return reject(no);
  if (dispute.evidence.size >= EVIDENCE_MAX) return reject({ reason: 'evidence_full', max: EVIDENCE_MAX });
  return accept({ type: 'EvidenceAdded', data: evidence });
}

/** Why a response to the dispute is no longer taken; undefined where it is. */
export function whyNotAnswerable({ status, respondBy }: Dispute, at: Instant): ResponseRejection | undefined {
  if (status !== 'needs_response') return { reason: 'dispute_not_answerable', state: status };
  return at < instantFromText(respondBy) ? undefined : { reason: 'respond_by_passed', respondBy };
}
