import { commandOnce } from '../accounts/index.js';
import type { Cause } from '../event-store/envelope.js';
import { nano, nanoFromText } from '../kernel/credits.js';
import { type ChargedGeneration, findGenerations } from './charged-generations.js';
import { accountDisputeId, type Dispute } from './domain/dispute.js';
import type { DecidedRefund, DisputeCarriedOut, DisputeDecided, DisputeEffect } from './domain/disputes.events.js';
import { closedName, type Effect, findEffects, refundedName } from './find-effects.js';
import { type Consequences, sumOf } from './freeze-payment.js';

/**
 * Brings a decision onto the account. Each command has a name that the account knows for ever, so however often this is done, by
 * whatever processes at once, each has one effect; what the effects were is read from the account. Throws what the ledger throws,
 * and an Error where the account refuses what it should not.
 */
export async function carryOut(context: Consequences, dispute: Dispute, cause: Cause): Promise<DisputeCarriedOut['data']> {
  const { opened, decision } = dispute;
  if (!opened || !decision) throw new Error('nothing was decided');
  const { decisionId } = decision;
  if (opened.kind === 'payment') return { decisionId, effects: [await endAtAccount(context, dispute, cause)] };
  const effects = decision.decision === 'refund' ? await refundAll(context, dispute, decision, cause) : [NONE];
  return { decisionId, effects };
}

const NONE: DisputeEffect = { effect: 'none', amount: '0' };

/** Won: what was frozen can be spent again. Lost: it is gone, and what was spent is owed. */
async function endAtAccount(context: Consequences, dispute: Dispute, cause: Cause): Promise<DisputeEffect> {
  const { opened, decision, frozen } = dispute;
  if (!opened || frozen?.claimed === '0') return NONE;
  const disputeId = accountDisputeId(dispute);
  const isWon = decision?.decision === 'reject';
  const command = { type: isWon ? 'UnfreezeLots' : 'ClawBackCredits', disputeId } as const;
  // The names that a closing by hand has: whoever comes second finds it done.
  const name = `${isWon ? 'win' : 'lose'}-dispute:${disputeId}`;
  const { rejection } = await commandOnce(context.accounts, opened.accountId, command, name, cause);
  if (rejection && rejection.reason !== 'dispute_ended')
    throw new Error(`the account refuses to end ${disputeId}: ${rejection.reason}`);
  const closed = closedName(disputeId);
  const effect = (await findEffects(context.store, opened.accountId, new Set([closed]))).get(closed);
  return effectOfEnd(effect, rejection !== undefined);
}

function effectOfEnd(effect: Effect | undefined, isOtherwise: boolean): DisputeEffect {
  if (effect?.event.type !== 'LotsUnfrozen' && effect?.event.type !== 'CreditsClawedBack')
    throw new Error('the dispute was ended at the account, but no event says so');
  const { event, position } = effect;
  const amount = sumOf(event.data.lots).toString();
  if (isOtherwise) return { effect: 'ended_otherwise', amount, position };
  return event.type === 'LotsUnfrozen'
    ? { effect: 'unfrozen', amount, position }
    : { effect: 'clawed_back', amount, receivable: event.data.receivable, position };
}

export const refundIdOf = (disputeId: string, round: number, generationId: string): string =>
  `dispute:${disputeId}:${round}:${generationId}`;

async function refundAll(
  context: Consequences,
  { opened, round }: Dispute,
  decision: DisputeDecided['data'],
  cause: Cause,
): Promise<DisputeEffect[]> {
  const { disputeId = '', accountId = '' } = opened ?? {};
  const refunds = decision.refunds ?? [];
  const { charged } = await findGenerations(
    context.store,
    accountId,
    refunds.map(({ generationId }) => generationId),
  );
  const made = new Map<string, string>();
  for (const refund of refunds) {
    const generation = charged.get(refund.generationId);
    if (!generation) throw new Error(`${refund.generationId} was not charged`);
    const refundId = refundIdOf(disputeId, round, refund.generationId);
    if (await refundOne(context, accountId, refundId, refund, generation, decision, cause))
      made.set(refund.generationId, refundedName(refundId));
  }
  const found = await findEffects(context.store, accountId, new Set(made.values()));
  return refunds.map(({ generationId }) => refundedEffect(generationId, found.get(made.get(generationId) ?? '')));
}

function refundedEffect(generationId: string, effect: Effect | undefined): DisputeEffect {
  if (effect?.event.type !== 'GenerationRefunded') return { ...NONE, generationId };
  return { effect: 'refunded', generationId, amount: effect.event.data.amount, position: effect.position };
}

/** @returns whether the account shows the refund; not where all had been given back before. Less than decided where the rest had been. */
async function refundOne(
  context: Consequences,
  accountId: string,
  refundId: string,
  { generationId, amount: decided }: DecidedRefund,
  { debits, shortfall }: ChargedGeneration,
  { reason, intoExpired = 'expire' }: DisputeDecided['data'],
  cause: Cause,
): Promise<boolean> {
  let amount = decided === undefined ? undefined : nanoFromText(decided);
  for (;;) {
    const { account } = await context.accounts.refresh(accountId);
    const known = account.refunds.get(refundId);
    if (known?.generationId === generationId) return true;
    if (known) throw new Error(`the account knows another refund as ${refundId}`);
    const paid = { debits, shortfall: nano(shortfall) };
    const command = { type: 'RefundGeneration', refundId, generationId, amount, reason, intoExpired, paid } as const;
    const { rejection } = await commandOnce(context.accounts, accountId, command, `refund:${refundId}`, cause);
    if (!rejection) return true;
    // Another process was faster, with what could be refunded then.
    if (rejection.reason === 'refund_conflict') {
      if (account.refunds.has(refundId) || account.grants.has(`refund:${refundId}`))
        throw new Error(`the account knows something else as ${refundId}`);
      continue;
    }
    if (rejection.reason !== 'refund_exceeds_cost') throw new Error(`the account refuses ${refundId}: ${rejection.reason}`);
    if (rejection.refundable === 0n) return false;
    amount = rejection.refundable;
  }
}
