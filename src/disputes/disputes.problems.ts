import { ApiError } from '../http/api-error.js';
import { invalid } from '../http/validation.js';
import { formatCredits, nano } from '../kernel/credits.js';
import type { DisputeRejection } from './domain/dispute.decider.js';

/** Why nothing was opened, or decided: what the account says of it. */
export type SubjectRejection =
  | { readonly reason: 'account_not_found' }
  | { readonly reason: 'payment_not_found'; readonly paymentId: string }
  | { readonly reason: 'dispute_exceeds_payment'; readonly disputable: bigint }
  | { readonly reason: 'account_dispute_conflict' }
  | { readonly reason: 'account_dispute_ended'; readonly as: 'won' | 'lost' }
  | { readonly reason: 'generation_not_found'; readonly generationId: string }
  | { readonly reason: 'generation_not_charged'; readonly generationId: string }
  | { readonly reason: 'dispute_exceeds_cost'; readonly cost: bigint }
  | { readonly reason: 'refund_exceeds_cost'; readonly generationId: string; readonly refundable: bigint }
  | { readonly reason: 'nothing_to_freeze' };

/** What each "no" of a dispute is over HTTP. */
export function problemOf(rejection: DisputeRejection | SubjectRejection): ApiError {
  switch (rejection.reason) {
    case 'dispute_not_found':
      return notFound('dispute_not_found', 'dispute_id', 'There is no such dispute');
    case 'account_not_found':
      return notFound('account_not_found', 'account_id', 'There is no such account');
    case 'payment_not_found':
      return notFound('payment_not_found', 'payment_id', `No grant of the account names the payment "${rejection.paymentId}"`);
    case 'generation_not_found':
      return notFound('generation_not_found', 'generation_ids', `The account has made no generation "${rejection.generationId}"`);
    case 'generation_not_charged':
      return conflict(
        'generation_not_charged',
        'generation_ids',
        `Nothing was charged for the generation "${rejection.generationId}"`,
      );
    case 'dispute_exceeds_payment':
      return tooMuch('dispute_exceeds_payment', 'amount', `at most ${inCredits(rejection.disputable)} can still be disputed`);
    case 'dispute_exceeds_cost':
      return tooMuch('dispute_exceeds_cost', 'amount', `the generations have cost ${inCredits(rejection.cost)}`);
    case 'refund_exceeds_cost':
      return tooMuch(
        'refund_exceeds_cost',
        'refunds',
        `at most ${inCredits(rejection.refundable)} of "${rejection.generationId}" can still be refunded`,
      );
    case 'account_dispute_conflict':
    case 'dispute_exists':
      return conflict('dispute_conflict', 'dispute_id', 'Another dispute was opened under this id');
    case 'account_dispute_ended':
      return conflict('dispute_ended', 'dispute_id', `The account's dispute was closed by hand, as ${rejection.as}`);
    case 'nothing_to_freeze':
      return conflict('nothing_to_freeze', 'dispute_id', 'Nothing is frozen for a dispute of usage, or after its decision');
    case 'respond_by_passed_already':
      return invalid('respond_by', 'must be in the future');
    case 'respond_by_passed':
      return conflict('respond_by_passed', 'dispute_id', `Evidence was taken before ${rejection.respondBy}`);
    case 'dispute_not_answerable':
      return inState(rejection.state, 'takes no evidence');
    case 'dispute_not_decidable':
      return inState(rejection.state, 'this cannot be decided');
    case 'dispute_not_decided':
      return inState(rejection.state, 'it cannot be reopened');
    case 'decision_not_carried_out':
      return conflict('decision_not_carried_out', 'dispute_id', 'The decision is still being carried out, please try again');
    case 'payment_lost':
      return inState('lost', 'a payment that was clawed back is not disputed again: what is paid after all is a new payment');
    case 'reopened_too_often':
      return conflict('reopened_too_often', 'dispute_id', `A dispute is reopened at most ${rejection.max} times`);
    case 'evidence_conflict':
      return conflict('evidence_conflict', 'evidence_id', `Other evidence was added as "${rejection.evidenceId}"`);
    case 'evidence_full':
      return conflict('evidence_full', 'evidence_id', `A dispute takes at most ${rejection.max} pieces of evidence`);
    case 'submission_conflict':
      return conflict('submission_conflict', 'submission_id', `Another submission was made as "${rejection.submissionId}"`);
    case 'decision_conflict':
      return conflict('decision_conflict', 'decision_id', `Another decision was made as "${rejection.decisionId}"`);
    case 'reopening_conflict':
      return conflict('reopening_conflict', 'reopening_id', `Another reopening was made as "${rejection.reopeningId}"`);
    case 'decision_not_of_kind':
      return invalid('decision', `${rejection.decision} does not end a dispute of ${rejection.kind}`);
    case 'generation_not_disputed':
      return invalid('refunds', `"${rejection.generationId}" is not in this dispute`);
  }
}

const inCredits = (amount: bigint): string => formatCredits(nano(amount));
const inState = (state: string, message: string): ApiError =>
  new ApiError(409, 'dispute_state', `The dispute is in the state "${state}": ${message}`, {
    param: 'dispute_id',
    metadata: { state },
  });
const notFound = (code: string, param: string, message: string): ApiError =>
  new ApiError(404, code, message, { param, metadata: { error_type: 'not_found' } });
const conflict = (code: string, param: string, message: string): ApiError => new ApiError(409, code, message, { param });
const tooMuch = (code: string, param: string, message: string): ApiError =>
  new ApiError(422, code, `"${param}": ${message}`, { param });
