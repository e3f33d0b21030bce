import { accept, type Decision } from '../../kernel/decider.js';
import { type Dispute, needsFreezing, unsealed } from './dispute.js';
import type { DisputeCarriedOut, DisputeFrozen, EvidenceSealed } from './disputes.events.js';

/** The account has frozen what is left of the payment. */
export interface RecordFreeze {
  readonly type: 'RecordFreeze';
  readonly frozen: DisputeFrozen['data'];
}

/** The account has done what was decided. */
export interface RecordCarriedOut {
  readonly type: 'RecordCarriedOut';
  readonly carriedOut: DisputeCarriedOut['data'];
}

/** The evidence of a generation was gathered; all parts of one pack. */
export interface SealEvidence {
  readonly type: 'SealEvidence';
  readonly parts: readonly EvidenceSealed['data'][];
}

/** Two processes may have done it: the first one to say so is right, and for another round nothing is recorded. */
export const recordFreeze = ({ frozen }: RecordFreeze, dispute: Dispute): Decision<DisputeFrozen, never> =>
  needsFreezing(dispute) && frozen.round === dispute.round ? accept({ type: 'DisputeFrozen', data: frozen }) : accept();

export const recordCarriedOut = (
  { carriedOut }: RecordCarriedOut,
  { decision, carriedOut: known }: Dispute,
): Decision<DisputeCarriedOut, never> =>
  decision?.decisionId === carriedOut.decisionId && !known ? accept({ type: 'DisputeCarriedOut', data: carriedOut }) : accept();

/** Sealed once, for all rounds. */
export function sealEvidence({ parts }: SealEvidence, dispute: Dispute): Decision<EvidenceSealed, never> {
  const waiting = unsealed(dispute);
  const isWanted = parts.length > 0 && parts.every(({ generationId }) => waiting.includes(generationId));
  return isWanted ? accept(...parts.map((data) => ({ type: 'EvidenceSealed', data }) as const)) : accept();
}
