import { type DisputeEvent, type DisputeKind, type DisputeState, stateAfter } from '../../src/disputes/domain/disputes.events.js';
import { type Instant, instantFromText } from '../../src/kernel/time.js';
import type { Fact, Projection, RowsOf } from '../runtime/projection.js';

/** A dispute as a list shows it. */
export interface DisputeRow {
  readonly disputeId: string;
  readonly accountId: string;
  readonly kind: DisputeKind;
  readonly state: DisputeState;
  readonly round: number;
  readonly respondBy: Instant;
  readonly openedAt: Instant;
  readonly decidedAt: Instant | null;
  /** Whether all that was decided has been done at the account. */
  readonly carriedOut: boolean;
  /** Disputed generations whose evidence is not sealed yet. */
  readonly evidencePending: number;
  /** Of its last event. */
  readonly position: bigint;
}

export interface DisputeTables {
  readonly disputes: DisputeRow;
}

const PREFIX = 'dispute-';

/** Which disputes are there, and which of them wait for somebody? */
export const disputes: Projection<DisputeTables> = {
  name: 'disputes',
  version: 1,
  streamPrefixes: [PREFIX],
  keys: { disputes: ['disputeId'] },
  rowsOf: (fact) => ({ disputes: [{ disputeId: disputeIdOf(fact) }] }),
  fold(rows, fact) {
    const row = changed(rows, fact);
    rows.disputes.put({ ...row, position: fact.position });
  },
};

const disputeIdOf = ({ stream }: Fact): string => stream.slice(PREFIX.length);

function changed({ disputes: rows }: RowsOf<DisputeTables>, fact: Fact): DisputeRow {
  const disputeId = disputeIdOf(fact);
  const event = { type: fact.type, data: fact.data } as DisputeEvent;
  const at = instantFromText(fact.metadata.occurredAt);
  const row = () => rows.get({ disputeId });
  switch (event.type) {
    case 'DisputeOpened':
      return {
        disputeId,
        accountId: event.data.accountId,
        kind: event.data.kind,
        state: 'needs_response',
        round: 1,
        respondBy: instantFromText(event.data.respondBy),
        openedAt: at,
        decidedAt: null,
        carriedOut: false,
        evidencePending: event.data.generationIds?.length ?? 0,
        position: fact.position,
      };
    case 'DisputeFrozen':
    case 'EvidenceAdded':
      return row();
    case 'EvidenceSealed':
      return { ...row(), evidencePending: row().evidencePending - (event.data.part === 0 ? 1 : 0) };
    case 'EvidenceSubmitted':
    case 'DisputeEscalated':
      return { ...row(), state: 'under_review' };
    case 'DisputeDecided':
      return { ...row(), state: stateAfter(event.data.decision), decidedAt: at };
    case 'DisputeCarriedOut':
      return { ...row(), carriedOut: true };
    case 'DisputeReopened':
      return {
        ...row(),
        state: 'needs_response',
        round: row().round + 1,
        respondBy: instantFromText(event.data.respondBy),
        decidedAt: null,
        carriedOut: false,
      };
    default:
      throw new Error(`no event of a dispute: ${fact.type}`);
  }
}
