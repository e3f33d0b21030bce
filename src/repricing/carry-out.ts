import { type Account, type AccountWriter, commandOnce } from '../accounts/index.js';
import type { Cause } from '../event-store/envelope.js';
import type { EventStore } from '../event-store/event-store.js';
import { nano } from '../kernel/credits.js';
import type { Clock } from '../kernel/time.js';
import { type ChargedCall, findCalls } from './charged-calls.js';
import type { Difference, RepricingCarriedOut } from './domain/repricing.events.js';
import { chargesOf, type Repricing } from './domain/repricing.js';
import { chargeId, REPRICE, unchargeId } from './dry-run.js';
import { type LotLine, takeFromFree } from './free-credits.js';
import { returnToCharged } from './return-charges.js';

/** Commands that wait for an account together; it decides as many of them in one append as fit. */
const REFUNDS_AT_ONCE = 100;
/** Somebody else may spend what was to be taken, each time. */
const ADJUSTMENTS_MAX = 20;

export interface CarryingOut {
  readonly store: Pick<EventStore, 'read'>;
  readonly accounts: AccountWriter;
  readonly clock: Clock;
}

/**
 * Brings an approved repricing onto its account: one adjustment takes what became dearer, one gives back what earlier repricings
 * had charged, and each call that became cheaper than it was settled gets a refund. Each has a name that the account knows for
 * ever, so however often this is done, by whatever processes at once, each has one effect. Nothing is refunded before the charges
 * are taken.
 * Throws EventStoreUnavailable, AppendOutcomeUnknown, and an Error where the account knows something else under one of the names.
 * @returns undefined where the account cannot be charged or given back now; later it may
 */
export async function carryOut(
  context: CarryingOut,
  repricing: Repricing,
  cause: Cause,
): Promise<RepricingCarriedOut['data'] | undefined> {
  const { proposal, calls } = repricing;
  if (!proposal) throw new Error('there is no such repricing');
  const { repricingId, accountId } = proposal;
  const owed = chargesOf(repricing);
  const take = (account: Account) => takeFromFree(account, owed, context.clock.now());
  const charged = await adjust(context, repricing, chargeId(repricingId), take, cause);
  if (charged === undefined) return undefined;
  if (charged !== -owed) throw new Error(`the account knows another adjustment as ${chargeId(repricingId)}`);
  const back = calls.reduce((sum, { uncharged = '0' }) => sum + BigInt(uncharged), 0n);
  const give = (account: Account) => returnToCharged(account, back, context.clock.now());
  const uncharged = await adjust(context, repricing, unchargeId(repricingId), give, cause);
  if (uncharged === undefined) return undefined;
  const refunds = await refundAll(context, repricing, cause);
  const { position } = await context.accounts.refresh(accountId);
  const adjusted = { charged: owed.toString(), uncharged: uncharged.toString(), expired: (back - uncharged).toString() };
  return { effects: { ...refunds, ...adjusted }, positions: { account: position.toString() } };
}

/**
 * Makes an adjustment under its name, once.
 * @param linesOf none: there is nothing to adjust. Undefined: it cannot be made now
 * @returns the sum of its lines, as it was made the first time; undefined where it cannot be made now
 */
async function adjust(
  context: CarryingOut,
  { proposal, approvedBy = '' }: Repricing,
  adjustmentId: string,
  linesOf: (account: Account) => readonly LotLine[] | undefined,
  cause: Cause,
): Promise<bigint | undefined> {
  if (!proposal) return undefined;
  const { accountId, requestedBy, reason } = proposal;
  for (let attempt = 1; attempt <= ADJUSTMENTS_MAX; attempt++) {
    const { account } = await context.accounts.refresh(accountId);
    const made = account.adjustments.get(adjustmentId);
    if (made) {
      if (made.requestedBy === requestedBy && made.approvedBy === approvedBy)
        return made.lines.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
      throw new Error(`the account knows another adjustment as ${adjustmentId}`);
    }
    const lines = linesOf(account);
    if (!lines || lines.length === 0) return lines && 0n;
    const command = { type: 'AdjustCredits', adjustmentId, lines, requestedBy, approvedBy, reason } as const;
    const { rejection } = await commandOnce(context.accounts, accountId, command, adjustmentId, cause);
    if (!rejection) return lines.reduce((sum, { amount }) => sum + amount, 0n);
  }
  return undefined;
}

async function refundAll(context: CarryingOut, { proposal, calls }: Repricing, cause: Cause) {
  const back = new Map(calls.map((call) => [call.generationId, refundOf(call)] as const).filter(([, amount]) => amount > 0n));
  let [refunds, refunded, planned] = [0, 0n, 0n];
  if (!proposal || back.size === 0) return { refunds, refunded: '0', refundedMeanwhile: '0' };
  const { accountId } = proposal;
  const { calls: paid } = await findCalls(context.store, accountId, { generationIds: [...back.keys()] }, back.size);
  for (let at = 0; at < paid.length; at += REFUNDS_AT_ONCE) {
    const some = paid.slice(at, at + REFUNDS_AT_ONCE);
    const amounts = await Promise.all(
      some.map((call) => refund(context, proposal, call, back.get(call.generationId) ?? 0n, cause)),
    );
    for (const amount of amounts) {
      refunded += amount;
      if (amount > 0n) refunds += 1;
    }
  }
  for (const amount of back.values()) planned += amount;
  return { refunds, refunded: refunded.toString(), refundedMeanwhile: (planned - refunded).toString() };
}

const refundOf = ({ effect, uncharged = '0' }: Difference): bigint => -BigInt(effect) - BigInt(uncharged);

/** @returns what the account got back: less than was planned only where a refund by hand came before */
async function refund(
  context: CarryingOut,
  { accountId, repricingId, reason }: { accountId: string; repricingId: string; reason: string },
  { generationId, debits, shortfall }: ChargedCall,
  planned: bigint,
  cause: Cause,
): Promise<bigint> {
  const refundId = `${REPRICE}${repricingId}:${generationId}`;
  for (let amount = planned; ; ) {
    const answer = await commandOnce(
      context.accounts,
      accountId,
      {
        type: 'RefundGeneration',
        refundId,
        generationId,
        amount: nano(amount),
        reason,
        intoExpired: 'expire',
        paid: { debits, shortfall: nano(shortfall) },
      },
      refundId,
      cause,
    );
    const { rejection } = answer;
    if (!rejection) return amount;
    // It was made before with what could be refunded then; asked again for its amount, it is the same.
    if (rejection.reason === 'refund_conflict') {
      const made = answer.account.refunds.get(refundId);
      if (made?.generationId === generationId) return BigInt(made.amount);
    }
    if (rejection.reason !== 'refund_exceeds_cost') throw new Error(`the account refuses ${refundId}: ${rejection.reason}`);
    if (rejection.refundable === 0n) return 0n;
    amount = rejection.refundable;
  }
}
