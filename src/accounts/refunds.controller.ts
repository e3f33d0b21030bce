import { Body, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import { EventStore } from '../event-store/event-store.js';
import { parse } from '../http/validation.js';
import { generationNotCharged, generationNotFound } from './accounts.problems.js';
import { Administration, AdministrationOfAccounts } from './administration.js';
import { credits, creditsOf, lotAmountsOf, opaqueId, opaqueIdIn, ownId, reason } from './administration-bodies.js';
import type { AccountEvent, LotAmount } from './domain/accounts.events.js';
import type { RefundGeneration } from './domain/refund-generation.js';
import { findPayers } from './find-payers.js';

/** Without an amount: all that can still be refunded. Null is a mistake of the caller, not all. */
const generationBody = z.strictObject({
  refund_id: ownId,
  generation_id: opaqueId,
  amount: credits.optional(),
  reason,
  into_expired: z.enum(['expire', 'goodwill']).default('expire'),
});
const paymentBody = z.strictObject({ refund_id: opaqueId, amount: credits.optional() });

/** Refunds: what a generation cost goes back to the lots that paid, what is unused of a payment goes back as money. */
@AdministrationOfAccounts()
export class RefundsController {
  constructor(
    private readonly administration: Administration,
    private readonly store: EventStore,
  ) {}

  @Post(':user_id/refunds')
  async refundGeneration(@Param('user_id') accountId: string, @Body() body: unknown): Promise<object> {
    const { refund_id: refundId, generation_id: generationId, into_expired, ...asked } = parse(generationBody, body);
    const { fact, followed, position } = await this.administration.once(
      accountId,
      {
        type: 'RefundGeneration',
        refundId,
        generationId,
        amount: asked.amount,
        reason: asked.reason,
        intoExpired: into_expired,
        paid: await this.payersOf(accountId, generationId),
      },
      `refund:${refundId}`,
      'GenerationRefunded',
      (refunded) => refunded.refundId === refundId,
    );
    return {
      refund_id: refundId,
      generation_id: generationId,
      amount: creditsOf(fact.amount),
      credits: lotAmountsOf(fact.credits),
      waived: creditsOf(fact.waived),
      regranted: lotAmountsOf(granted(followed)),
      expired: lotAmountsOf(expired(followed)),
      frozen: lotAmountsOf(frozen(followed)),
      position,
    };
  }

  @Post(':user_id/payments/:payment_id/refunds')
  async refundPayment(
    @Param('user_id') accountId: string,
    @Param('payment_id') payment: string,
    @Body() body: unknown,
  ): Promise<object> {
    const paymentId = opaqueIdIn('payment_id', payment);
    const { refund_id: refundId, amount } = parse(paymentBody, body);
    const { fact, position } = await this.administration.once(
      accountId,
      { type: 'RefundTopUp', refundId, paymentId, amount },
      `refund-top-up:${refundId}`,
      'TopUpRefunded',
      (refunded) => refunded.refundId === refundId,
    );
    return {
      refund_id: refundId,
      payment_id: paymentId,
      lot_id: fact.lotId,
      amount: creditsOf(fact.amount),
      // Money is counted in nano-units as credits are.
      cash: creditsOf(fact.cash),
      currency: fact.currency,
      position,
    };
  }

  private async payersOf(accountId: string, generationId: string): Promise<RefundGeneration['paid']> {
    await this.administration.account(accountId);
    const payers = await findPayers(this.store, accountId, generationId);
    if (payers === undefined) throw generationNotFound(generationId);
    if (payers === 'not_charged') throw generationNotCharged(generationId);
    return payers;
  }
}

const granted = (events: readonly AccountEvent[]): LotAmount[] =>
  events.flatMap((event) => (event.type === 'CreditsGranted' ? [event.data] : []));
const expired = (events: readonly AccountEvent[]): LotAmount[] =>
  events.flatMap((event) => (event.type === 'CreditsExpired' ? [event.data] : []));
const frozen = (events: readonly AccountEvent[]): readonly LotAmount[] =>
  events.flatMap((event) => (event.type === 'LotsFrozen' ? event.data.lots : []));
