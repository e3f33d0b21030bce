import type { LotAmount } from '../accounts/domain/accounts.events.js';
import { type AccountWriter, commandOnce } from '../accounts/index.js';
import type { Cause } from '../event-store/envelope.js';
import type { EventStore } from '../event-store/event-store.js';
import { type NanoCredits, nanoFromText } from '../kernel/credits.js';
import { accountDisputeId, type Dispute } from './domain/dispute.js';
import type { DisputeFrozen } from './domain/disputes.events.js';
import { findEffects, frozenName } from './find-effects.js';

export interface Consequences {
  readonly store: Pick<EventStore, 'read' | 'readBackwards'>;
  readonly accounts: Pick<AccountWriter, 'execute' | 'refresh'>;
}

/**
 * Freezes what is left of the disputed payment, under the name that this round has at the account: however often it is done, it is
 * done once. Where less than was claimed can be disputed by now, that is frozen. Throws what the ledger throws, and an Error where
 * the account knows another dispute under the name.
 */
export async function freezePayment(context: Consequences, dispute: Dispute, cause: Cause): Promise<DisputeFrozen['data']> {
  const { opened, round } = dispute;
  if (!opened?.paymentId) throw new Error('nothing can be frozen for this dispute');
  const { accountId, paymentId } = opened;
  const disputeId = accountDisputeId(dispute);
  let amount: NanoCredits | undefined = opened.claimed === undefined ? undefined : nanoFromText(opened.claimed);
  for (;;) {
    const { account } = await context.accounts.refresh(accountId);
    const known = account.disputes.get(disputeId);
    if (known && known.paymentId !== paymentId) throw new Error(`the account knows another dispute as ${disputeId}`);
    if (!known) {
      const command = { type: 'FreezeLots', disputeId, paymentId, amount } as const;
      const { rejection } = await commandOnce(context.accounts, accountId, command, `dispute:${disputeId}`, cause);
      if (rejection?.reason === 'dispute_exceeds_payment' && rejection.disputable > 0n) {
        amount = rejection.disputable;
        continue;
      }
      if (rejection?.reason === 'dispute_exceeds_payment')
        return { round, accountDisputeId: disputeId, claimed: '0', frozen: '0' };
      // Another process was faster, with what could be disputed then.
      if (rejection?.reason === 'dispute_conflict') continue;
      if (rejection) throw new Error(`the account refuses to freeze for ${disputeId}: ${rejection.reason}`);
    }
    const name = frozenName(disputeId);
    const effect = (await findEffects(context.store, accountId, new Set([name]))).get(name);
    if (effect?.event.type !== 'LotsFrozen') throw new Error(`${disputeId} was frozen, but no event says so`);
    const { claimed, lots } = effect.event.data;
    return { round, accountDisputeId: disputeId, claimed, frozen: sumOf(lots).toString(), position: effect.position };
  }
}

export const sumOf = (parts: readonly LotAmount[]): bigint => parts.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
