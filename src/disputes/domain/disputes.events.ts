import type { NanoText } from '../../kernel/credits.js';

/**
 * The facts of a dispute, stream `dispute-{disputeId}`. They are for ever: flat, JSON-safe; amounts are nano-credits as decimal
 * text, times ISO 8601 in UTC. No personal data: persons are opaque ids.
 */
export type DisputeEvent =
  | DisputeOpened
  | DisputeFrozen
  | EvidenceAdded
  | EvidenceSealed
  | EvidenceSubmitted
  | DisputeEscalated
  | DisputeDecided
  | DisputeCarriedOut
  | DisputeReopened;

/** payment: a chargeback of a payment. usage: a customer disputes what generations cost. */
export const DISPUTE_KINDS = ['payment', 'usage'] as const;
export type DisputeKind = (typeof DISPUTE_KINDS)[number];

/** won and lost are the gateway's: a won payment stays, a lost one is clawed back. refunded: a usage dispute that was granted. */
export const DISPUTE_STATES = ['needs_response', 'under_review', 'won', 'lost', 'refunded'] as const;
export type DisputeState = (typeof DISPUTE_STATES)[number];

/** refund: of usage. claw_back: of a payment. reject: the customer, or the card's holder, is not in the right. */
export const DECISIONS = ['refund', 'reject', 'claw_back'] as const;
export type DisputeDecision = (typeof DECISIONS)[number];

export interface DisputeOpened {
  readonly type: 'DisputeOpened';
  readonly data: {
    readonly disputeId: string;
    readonly accountId: string;
    readonly kind: DisputeKind;
    /** Of a payment dispute. */
    readonly paymentId?: string;
    /** Of a usage dispute; 1 to 100. */
    readonly generationIds?: readonly string[];
    /** What is asked for; absent: all of it. */
    readonly claimed?: NanoText;
    readonly reasonCode: string;
    /** The case's id at the card network. */
    readonly networkCaseId?: string;
    /** Evidence is taken before this moment. */
    readonly respondBy: string;
    readonly openedBy: string;
  };
}

/** What is left of the disputed payment cannot be spent. */
export interface DisputeFrozen {
  readonly type: 'DisputeFrozen';
  readonly data: {
    readonly round: number;
    /** Its name at the account, where a dispute is closed for good; each round has its own. */
    readonly accountDisputeId: string;
    /** "0" where all of the payment had been paid back or was disputed otherwise: then the account knows nothing of it. */
    readonly claimed: NanoText;
    readonly frozen: NanoText;
    /** Of the account's event; absent where there is none. */
    readonly position?: string;
  };
}

export interface EvidenceAdded {
  readonly type: 'EvidenceAdded';
  readonly data: {
    readonly evidenceId: string;
    readonly kind: string;
    /** SHA-256, hex, over the canonical JSON of the note or the content. */
    readonly sha256: string;
    /** One of the two. */
    readonly note?: string;
    readonly content?: unknown;
    readonly addedBy: string;
  };
}

/** The evidence that the ledger itself has about a generation. */
export interface EvidenceSealed {
  readonly type: 'EvidenceSealed';
  readonly data: {
    readonly generationId: string;
    /** From 0; all parts of a pack are appended together. */
    readonly part: number;
    readonly parts: number;
    /** The pack in canonical JSON, or a part of that text. */
    readonly pack: string;
    /** SHA-256, hex, over the text of the whole pack. */
    readonly sha256: string;
  };
}

export interface EvidenceSubmitted {
  readonly type: 'EvidenceSubmitted';
  readonly data: {
    readonly submissionId: string;
    /** All that was added so far, with the hashes it had. */
    readonly evidence: readonly { readonly evidenceId: string; readonly sha256: string }[];
    readonly submittedBy: string;
  };
}

/** Nobody answered a usage dispute in time: it is decided on what there is. */
export interface DisputeEscalated {
  readonly type: 'DisputeEscalated';
  readonly data: { readonly respondBy: string };
}

export interface DisputeDecided {
  readonly type: 'DisputeDecided';
  readonly data: {
    readonly decisionId: string;
    readonly decision: DisputeDecision;
    /** What is refunded; without an amount: all that can still be. */
    readonly refunds?: readonly DecidedRefund[];
    readonly intoExpired?: 'expire' | 'goodwill';
    readonly decidedBy: string;
    readonly reason: string;
  };
}

export interface DecidedRefund {
  readonly generationId: string;
  readonly amount?: NanoText;
}

export interface DisputeCarriedOut {
  readonly type: 'DisputeCarriedOut';
  readonly data: { readonly decisionId: string; readonly effects: readonly DisputeEffect[] };
}

/** What the decision has done to the account. */
export interface DisputeEffect {
  /** ended_otherwise: the account's dispute had been closed by hand, the other way round. none: there was nothing to do. */
  readonly effect: 'refunded' | 'unfrozen' | 'clawed_back' | 'ended_otherwise' | 'none';
  readonly generationId?: string;
  readonly amount: NanoText;
  /** Of a claw-back: what was spent before and is owed. */
  readonly receivable?: NanoText;
  /** Of the account's event. */
  readonly position?: string;
}

export interface DisputeReopened {
  readonly type: 'DisputeReopened';
  readonly data: {
    readonly reopeningId: string;
    readonly reason: string;
    readonly by: string;
    readonly respondBy: string;
  };
}

export const DISPUTE_PREFIX = 'dispute-';
export const disputeStream = (disputeId: string): string => `${DISPUTE_PREFIX}${disputeId}`;

/** What a decision makes of a dispute. */
export function stateAfter(decision: DisputeDecision): DisputeState {
  switch (decision) {
    case 'refund':
      return 'refunded';
    case 'reject':
      return 'won';
    case 'claw_back':
      return 'lost';
  }
}
