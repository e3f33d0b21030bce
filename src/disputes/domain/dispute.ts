import {
  type DisputeCarriedOut,
  type DisputeDecided,
  type DisputeEvent,
  type DisputeFrozen,
  type DisputeOpened,
  type DisputeReopened,
  type DisputeState,
  type EvidenceAdded,
  type EvidenceSubmitted,
  stateAfter,
} from './disputes.events.js';

/** What the next decision about a dispute needs; the packs and the texts of the evidence stay in the stream. */
export interface Dispute {
  /** Undefined: there is no such dispute. */
  readonly opened: DisputeOpened['data'] | undefined;
  readonly status: DisputeState;
  /** 1, and one more with each reopening. */
  readonly round: number;
  readonly respondBy: string;
  /** In this round. */
  readonly frozen: DisputeFrozen['data'] | undefined;
  readonly evidence: ReadonlyMap<string, KnownEvidence>;
  /** SHA-256 of the packs, by generation. */
  readonly sealed: ReadonlyMap<string, string>;
  readonly submissions: ReadonlyMap<string, EvidenceSubmitted['data']>;
  /** Of all rounds: a decision that is repeated after a reopening must not decide again. */
  readonly decisions: ReadonlyMap<string, DisputeDecided['data']>;
  /** In this round. */
  readonly decision: DisputeDecided['data'] | undefined;
  readonly carriedOut: DisputeCarriedOut['data'] | undefined;
  readonly reopenings: ReadonlyMap<string, DisputeReopened['data']>;
}

export type KnownEvidence = Pick<EvidenceAdded['data'], 'kind' | 'sha256' | 'addedBy'>;

export const initialDispute = (): Dispute => ({
  opened: undefined,
  status: 'needs_response',
  round: 1,
  respondBy: '',
  frozen: undefined,
  evidence: new Map(),
  sealed: new Map(),
  submissions: new Map(),
  decisions: new Map(),
  decision: undefined,
  carriedOut: undefined,
  reopenings: new Map(),
});

export function evolveDispute(dispute: Dispute, event: DisputeEvent): Dispute {
  switch (event.type) {
    case 'DisputeOpened':
      return { ...dispute, opened: event.data, respondBy: event.data.respondBy };
    case 'DisputeFrozen':
      return { ...dispute, frozen: event.data };
    case 'EvidenceAdded': {
      const { evidenceId, kind, sha256, addedBy } = event.data;
      return { ...dispute, evidence: new Map(dispute.evidence).set(evidenceId, { kind, sha256, addedBy }) };
    }
    case 'EvidenceSealed':
      return { ...dispute, sealed: new Map(dispute.sealed).set(event.data.generationId, event.data.sha256) };
    case 'EvidenceSubmitted': {
      const submissions = new Map(dispute.submissions).set(event.data.submissionId, event.data);
      return { ...dispute, submissions, status: 'under_review' };
    }
    case 'DisputeEscalated':
      return { ...dispute, status: 'under_review' };
    case 'DisputeDecided': {
      const decisions = new Map(dispute.decisions).set(event.data.decisionId, event.data);
      return { ...dispute, decisions, decision: event.data, status: stateAfter(event.data.decision) };
    }
    case 'DisputeCarriedOut':
      return { ...dispute, carriedOut: event.data };
    case 'DisputeReopened':
      return {
        ...dispute,
        status: 'needs_response',
        round: dispute.round + 1,
        respondBy: event.data.respondBy,
        frozen: undefined,
        decision: undefined,
        carriedOut: undefined,
        reopenings: new Map(dispute.reopenings).set(event.data.reopeningId, event.data),
      };
    default:
      throw new Error(`no event of a dispute: ${(event satisfies never as DisputeEvent).type}`);
  }
}

/** The name at the account, where a dispute is closed for good. No id of a dispute has a colon. */
export const accountDisputeId = ({ opened, round }: Dispute): string =>
  round === 1 ? `${opened?.disputeId}` : `${opened?.disputeId}:${round}`;

/** Whether credits are still to be frozen. */
export const needsFreezing = ({ opened, frozen, carriedOut }: Dispute): boolean =>
  opened?.kind === 'payment' && frozen === undefined && carriedOut === undefined;

export const needsCarryingOut = ({ decision, carriedOut }: Dispute): boolean =>
  decision !== undefined && carriedOut === undefined;

/** Disputed generations whose evidence is not sealed yet. */
export const unsealed = ({ opened, sealed }: Dispute): readonly string[] =>
  (opened?.generationIds ?? []).filter((generationId) => !sealed.has(generationId));
