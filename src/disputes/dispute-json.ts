import type { StoredEvent } from '../event-store/event-store.js';
import { formatCredits, nanoFromText } from '../kernel/credits.js';
import { packTextOf } from './check-pack.js';
import type { KnownDispute } from './disputes.js';
import { type Dispute, needsCarryingOut, needsFreezing } from './domain/dispute.js';
import type { DisputeEffect, DisputeEvent, EvidenceSealed } from './domain/disputes.events.js';

/** A dispute as administrators see it; amounts are decimal texts of credits. */
export function disputeToJson({ dispute, position }: KnownDispute): object {
  const { opened, status, round, respondBy, frozen, evidence, decision } = dispute;
  if (!opened) throw new Error('there is no such dispute');
  return {
    dispute_id: opened.disputeId,
    account_id: opened.accountId,
    kind: opened.kind,
    payment_id: opened.paymentId ?? null,
    generation_ids: opened.generationIds ?? null,
    amount: creditsOrNull(opened.claimed),
    reason_code: opened.reasonCode,
    network_case_id: opened.networkCaseId ?? null,
    state: status,
    round,
    respond_by: respondBy,
    frozen: frozen
      ? { account_dispute_id: frozen.accountDisputeId, claimed: credits(frozen.claimed), amount: credits(frozen.frozen) }
      : null,
    decision: decision
      ? { decision_id: decision.decisionId, decision: decision.decision, decided_by: decision.decidedBy, reason: decision.reason }
      : null,
    consequences: consequencesOf(dispute),
    evidence: [...evidence].map(([evidence_id, { kind, sha256, addedBy }]) => ({ evidence_id, kind, sha256, added_by: addedBy })),
    sealed_evidence: (opened.generationIds ?? []).map((generation_id) => sealedOf(dispute, generation_id)),
    position: position.toString(),
  };
}

function consequencesOf(dispute: Dispute): object {
  const isPending = needsFreezing(dispute) || needsCarryingOut(dispute);
  const { decision, carriedOut } = dispute;
  const state = isPending ? 'pending' : decision ? 'done' : 'none';
  return { state, effects: (carriedOut?.effects ?? []).map(effectToJson) };
}

const effectToJson = ({ effect, generationId, amount, receivable, position }: DisputeEffect): object => ({
  effect,
  ...(generationId !== undefined && { generation_id: generationId }),
  amount: credits(amount),
  ...(receivable !== undefined && { receivable: credits(receivable) }),
  position: position ?? null,
});

const sealedOf = ({ sealed }: Dispute, generationId: string): object => {
  const sha256 = sealed.get(generationId);
  return { generation_id: generationId, evidence: sha256 === undefined ? 'pending' : 'sealed', sha256: sha256 ?? null };
};

/** What happened, event by event. */
export const historyToJson = (events: readonly StoredEvent[]): object[] =>
  events.map((stored) => ({
    position: stored.position.toString(),
    revision: stored.revision.toString(),
    type: stored.type,
    occurred_at: stored.metadata.occurredAt,
    actor: stored.metadata.actor,
  }));

/** What was added by hand, and the sealed packs, whole. */
export function evidenceToJson(disputeId: string, events: readonly StoredEvent[], position: bigint): object {
  const added: object[] = [];
  const parts = new Map<string, EvidenceSealed['data'][]>();
  for (const { type, data, position: at } of events) {
    const event = { type, data } as DisputeEvent;
    if (event.type === 'EvidenceAdded') {
      const { evidenceId, kind, sha256, note, content, addedBy } = event.data;
      const said = note === undefined ? { content } : { note };
      added.push({ evidence_id: evidenceId, kind, sha256, ...said, added_by: addedBy, position: at.toString() });
    }
    if (event.type === 'EvidenceSealed')
      parts.set(event.data.generationId, [...(parts.get(event.data.generationId) ?? []), event.data]);
  }
  const packs = [...parts].map(([generation_id, pack]) => ({
    generation_id,
    sha256: pack[0]?.sha256,
    pack: JSON.parse(packTextOf(pack)),
  }));
  return { dispute_id: disputeId, added, packs, position: position.toString() };
}

const credits = (text: string): string => formatCredits(nanoFromText(text));
const creditsOrNull = (text: string | undefined): string | null => (text === undefined ? null : credits(text));
