import type { Account } from '../accounts/index.js';
import type { EventStore } from '../event-store/event-store.js';
import { findGenerations } from './charged-generations.js';
import type { SubjectRejection } from './disputes.problems.js';
import { accountDisputeId, type Dispute } from './domain/dispute.js';
import type { DisputeDecided, DisputeOpened } from './domain/disputes.events.js';

/** Why what is to be disputed cannot be; undefined where it can. Asked before anything is written. */
export async function checkSubject(
  store: Pick<EventStore, 'read'>,
  account: Account,
  dispute: DisputeOpened['data'],
): Promise<SubjectRejection | undefined> {
  return dispute.kind === 'payment' ? checkPayment(account, dispute) : checkUsage(store, dispute);
}

function checkPayment(
  account: Account,
  { disputeId, paymentId = '', claimed }: DisputeOpened['data'],
): SubjectRejection | undefined {
  const grant = [...account.grants.values()].find((known) => known.paymentId === paymentId);
  if (!grant) return { reason: 'payment_not_found', paymentId };
  const earlier = account.disputes.get(disputeId);
  if (earlier) {
    // Opened at the account before: taken over, where it is the same and still open.
    const same = earlier.paymentId === paymentId && (claimed === undefined || earlier.claimed === BigInt(claimed));
    return same && earlier.status === 'open' ? undefined : { reason: 'account_dispute_conflict' };
  }
  const disputable = BigInt(grant.amount) - takenBack(account, paymentId);
  return disputable === 0n || (claimed !== undefined && BigInt(claimed) > disputable)
    ? { reason: 'dispute_exceeds_payment', disputable }
    : undefined;
}

/** What of a payment was paid back, is disputed already, or was lost in a dispute. */
function takenBack({ cashRefunds, disputes }: Account, paymentId: string): bigint {
  let sum = 0n;
  for (const refund of cashRefunds.values()) if (refund.paymentId === paymentId) sum += BigInt(refund.amount);
  for (const dispute of disputes.values())
    if (dispute.paymentId === paymentId && dispute.status !== 'won') sum += dispute.claimed;
  return sum;
}

async function checkUsage(
  store: Pick<EventStore, 'read'>,
  { accountId, generationIds = [], claimed }: DisputeOpened['data'],
): Promise<SubjectRejection | undefined> {
  const { charged, made } = await findGenerations(store, accountId, generationIds);
  let cost = 0n;
  for (const generationId of generationIds) {
    const generation = charged.get(generationId);
    if (!generation) return { reason: made.has(generationId) ? 'generation_not_charged' : 'generation_not_found', generationId };
    cost += generation.cost;
  }
  return claimed !== undefined && BigInt(claimed) > cost ? { reason: 'dispute_exceeds_cost', cost } : undefined;
}

/** Why a decision cannot be carried out as it is asked for; undefined where it can. */
export async function checkDecision(
  store: Pick<EventStore, 'read'>,
  account: Account,
  dispute: Dispute,
  { decision, refunds = [] }: DisputeDecided['data'],
): Promise<SubjectRejection | undefined> {
  const known = account.disputes.get(accountDisputeId(dispute));
  if (dispute.opened?.kind === 'payment' && known && known.status !== 'open') {
    const isOtherwise = known.status !== (decision === 'reject' ? 'won' : 'lost');
    if (isOtherwise) return { reason: 'account_dispute_ended', as: known.status };
  }
  const given = refunds.filter(({ amount }) => amount !== undefined);
  if (given.length === 0) return undefined;
  const ids = given.map(({ generationId }) => generationId);
  const { charged } = await findGenerations(store, account.accountId, ids);
  for (const { generationId, amount = '0' } of given) {
    const { cost = 0n, refunded = 0n } = charged.get(generationId) ?? {};
    if (BigInt(amount) > cost - refunded) return { reason: 'refund_exceeds_cost', generationId, refundable: cost - refunded };
  }
  return undefined;
}
