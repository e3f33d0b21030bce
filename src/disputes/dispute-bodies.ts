import { z } from 'zod';
import { creditsSchema, instantSchema, plainText } from '../accounts/index.js';
import { canonicalJson } from '../event-store/canonical-json.js';
import { invalid, parse } from '../http/validation.js';
import { nanoToText } from '../kernel/credits.js';
import { instantToText } from '../kernel/time.js';
import {
  DECISIONS,
  DISPUTE_KINDS,
  type DisputeDecided,
  type DisputeOpened,
  type DisputeReopened,
  type EvidenceAdded,
} from './domain/disputes.events.js';
import { sha256 } from './seal-packs.js';

const GENERATIONS_MAX = 100;
const NOTE_MAX = 2_000;
const CONTENT_BYTES_MAX = 50_000;
const REASON_MAX = 500;
const ID = /^[A-Za-z0-9._-]{1,100}$/;
const ID_MESSAGE = 'must be 1 to 100 letters, digits or . _ -';
const id = z.string().regex(ID, ID_MESSAGE);
/** Given out by others, and opaque: a person, a payment, a generation, a network's case. */
const opaque = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/, 'must be 1 to 128 letters, digits or . _ : -');

const openBody = z.strictObject({
  dispute_id: id,
  account_id: opaque,
  kind: z.enum(DISPUTE_KINDS),
  payment_id: opaque.optional(),
  generation_ids: z
    .array(opaque)
    .min(1)
    .max(GENERATIONS_MAX)
    .refine((ids) => new Set(ids).size === ids.length, 'must not name one twice')
    .optional(),
  amount: creditsSchema.optional(),
  reason_code: opaque,
  network_case_id: opaque.optional(),
  respond_by: instantSchema,
  opened_by: opaque,
});
const evidenceBody = z.strictObject({
  evidence_id: id,
  kind: opaque,
  note: plainText(NOTE_MAX).optional(),
  content: z.record(z.string(), z.json()).optional(),
  added_by: opaque,
});
const submissionBody = z.strictObject({ submission_id: id, submitted_by: opaque });
const decisionBody = z.strictObject({
  decision_id: id,
  decision: z.enum(DECISIONS),
  refunds: z
    .array(z.strictObject({ generation_id: opaque, amount: creditsSchema.optional() }))
    .min(1)
    .max(GENERATIONS_MAX)
    .refine((list) => new Set(list.map((one) => one.generation_id)).size === list.length, 'must not name one twice')
    .optional(),
  into_expired: z.enum(['expire', 'goodwill']).optional(),
  decided_by: opaque,
  reason: plainText(REASON_MAX),
});
const reopeningBody = z.strictObject({
  reopening_id: id,
  reason: plainText(REASON_MAX),
  by: opaque,
  respond_by: instantSchema,
});

export const parseSubmission = (body: unknown) => parse(submissionBody, body);

/** An id in the path. Throws the 400 that names it. */
export function disputeIdOf(value: string): string {
  if (!ID.test(value)) throw invalid('dispute_id', ID_MESSAGE);
  return value;
}

export function parseOpening(body: unknown): DisputeOpened['data'] {
  const said = parse(openBody, body);
  const [needed, other] =
    said.kind === 'payment' ? (['payment_id', 'generation_ids'] as const) : (['generation_ids', 'payment_id'] as const);
  if (said[needed] === undefined) throw invalid(needed, `is needed where "kind" is ${said.kind}`);
  if (said[other] !== undefined) throw invalid(other, `must be left out where "kind" is ${said.kind}`);
  return {
    disputeId: said.dispute_id,
    accountId: said.account_id,
    kind: said.kind,
    ...(said.payment_id !== undefined && { paymentId: said.payment_id }),
    ...(said.generation_ids !== undefined && { generationIds: said.generation_ids }),
    ...(said.amount !== undefined && { claimed: nanoToText(said.amount) }),
    reasonCode: said.reason_code,
    ...(said.network_case_id !== undefined && { networkCaseId: said.network_case_id }),
    respondBy: instantToText(said.respond_by),
    openedBy: said.opened_by,
  };
}

export function parseEvidence(body: unknown): EvidenceAdded['data'] {
  const { evidence_id: evidenceId, kind, note, content, added_by: addedBy } = parse(evidenceBody, body);
  if ((note === undefined) === (content === undefined)) throw invalid('note', 'say either "note" or "content"');
  const text = canonicalJson(note ?? content);
  if (Buffer.byteLength(text) > CONTENT_BYTES_MAX) throw invalid('content', `must have at most ${CONTENT_BYTES_MAX} bytes`);
  // Half a character would be stored as another one, and no longer fit its hash.
  if (/\\u(d[89ab]|00)/i.test(text)) throw invalid('content', 'must not contain control characters');
  return { evidenceId, kind, sha256: sha256(text), ...(note === undefined ? { content } : { note }), addedBy };
}

export function parseDecision(body: unknown): DisputeDecided['data'] {
  const said = parse(decisionBody, body);
  for (const field of ['refunds', 'into_expired'] as const)
    if (said[field] !== undefined && said.decision !== 'refund') throw invalid(field, 'belongs to the decision refund');
  return {
    decisionId: said.decision_id,
    decision: said.decision,
    ...(said.refunds && {
      refunds: said.refunds.map(({ generation_id: generationId, amount }) => ({
        generationId,
        ...(amount !== undefined && { amount: nanoToText(amount) }),
      })),
    }),
    ...(said.decision === 'refund' && { intoExpired: said.into_expired ?? 'expire' }),
    decidedBy: said.decided_by,
    reason: said.reason,
  };
}

export function parseReopening(body: unknown): DisputeReopened['data'] {
  const { reopening_id: reopeningId, reason, by, respond_by } = parse(reopeningBody, body);
  return { reopeningId, reason, by, respondBy: instantToText(respond_by) };
}
