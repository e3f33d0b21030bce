import { Body, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import { parse } from '../http/validation.js';
import { Administration, AdministrationOfAccounts } from './administration.js';
import { credits, creditsOf, lotAmountsOf, opaqueId, opaqueIdIn } from './administration-bodies.js';

/** Without an amount: the whole payment, less what of it was paid back. */
const openBody = z.strictObject({ dispute_id: opaqueId, payment_id: opaqueId, amount: credits.optional() });
const closeBody = z.strictObject({ outcome: z.enum(['won', 'lost']) });

/** Disputes of payments: what is left of the credits is frozen until the dispute is won or lost. */
@AdministrationOfAccounts()
export class DisputesController {
  constructor(private readonly administration: Administration) {}

  @Post(':user_id/disputes')
  async open(@Param('user_id') accountId: string, @Body() body: unknown): Promise<object> {
    const { dispute_id: disputeId, payment_id: paymentId, amount } = parse(openBody, body);
    const { fact, position } = await this.administration.once(
      accountId,
      { type: 'FreezeLots', disputeId, paymentId, amount },
      `dispute:${disputeId}`,
      'LotsFrozen',
      // What comes back to a disputed lot later is frozen then, in consequence of something else.
      (frozen, index) => frozen.disputeId === disputeId && index === 0,
    );
    return {
      dispute_id: disputeId,
      payment_id: paymentId,
      claimed: creditsOf(fact.claimed),
      frozen: lotAmountsOf(fact.lots),
      position,
    };
  }

  @Post(':user_id/disputes/:dispute_id/close')
  async close(@Param('user_id') accountId: string, @Param('dispute_id') id: string, @Body() body: unknown): Promise<object> {
    const disputeId = opaqueIdIn('dispute_id', id);
    const { outcome } = parse(closeBody, body);
    const closed = outcome === 'won' ? await this.win(accountId, disputeId) : await this.lose(accountId, disputeId);
    return { dispute_id: disputeId, outcome, ...closed };
  }

  private async win(accountId: string, disputeId: string): Promise<object> {
    const { fact, followed, position } = await this.administration.once(
      accountId,
      { type: 'UnfreezeLots', disputeId },
      `win-dispute:${disputeId}`,
      'LotsUnfrozen',
      (unfrozen) => unfrozen.disputeId === disputeId,
    );
    const expired = followed.flatMap((event) => (event.type === 'CreditsExpired' ? [event.data] : []));
    return { unfrozen: lotAmountsOf(fact.lots), expired: lotAmountsOf(expired), position };
  }

  private async lose(accountId: string, disputeId: string): Promise<object> {
    const { fact, position } = await this.administration.once(
      accountId,
      { type: 'ClawBackCredits', disputeId },
      `lose-dispute:${disputeId}`,
      'CreditsClawedBack',
      (clawedBack) => clawedBack.disputeId === disputeId,
    );
    return { clawed_back: lotAmountsOf(fact.lots), receivable: creditsOf(fact.receivable), position };
  }
}
