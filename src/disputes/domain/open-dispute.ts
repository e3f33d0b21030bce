import { accept, type Decision, reject } from '../../kernel/decider.js';
import { type Instant, instantFromText } from '../../kernel/time.js';
import type { Dispute } from './dispute.js';
import type { DisputeOpened } from './disputes.events.js';

/** What is disputed was looked up before: it exists, and can be disputed. */
export interface OpenDispute {
  readonly type: 'OpenDispute';
  readonly dispute: DisputeOpened['data'];
}

export type OpenDisputeRejection = { readonly reason: 'dispute_exists' } | { readonly reason: 'respond_by_passed_already' };

/** The same dispute twice is one. */
export function openDispute(
  { dispute }: OpenDispute,
  { opened }: Dispute,
  at: Instant,
): Decision<DisputeOpened, OpenDisputeRejection> {
  if (opened) return isSameDispute(opened, dispute) ? accept() : reject({ reason: 'dispute_exists' });
  if (instantFromText(dispute.respondBy) <= at) return reject({ reason: 'respond_by_passed_already' });
  return accept({ type: 'DisputeOpened', data: dispute });
}

export function isSameDispute(a: DisputeOpened['data'], b: DisputeOpened['data']): boolean {
  const same = (
    ['accountId', 'kind', 'paymentId', 'claimed', 'reasonCode', 'networkCaseId', 'respondBy', 'openedBy'] as const
  ).every((field) => a[field] === b[field]);
  const [left, right] = [a.generationIds ?? [], b.generationIds ?? []];
  return same && left.length === right.length && left.every((generationId, index) => generationId === right[index]);
}
