import { Body, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import { parse } from '../http/validation.js';
import { Administration, AdministrationOfAccounts } from './administration.js';
import { creditsOf, opaqueId, ownId, reason, signedCredits } from './administration-bodies.js';

const LINES_MAX = 100;

const line = z.strictObject({ lot_id: opaqueId, amount: signedCredits });
const adjustmentBody = z.strictObject({
  adjustment_id: ownId,
  lines: z.array(line).min(1).max(LINES_MAX).check(eachLotOnce),
  requested_by: opaqueId,
  approved_by: opaqueId,
  reason,
});

/** Corrections by hand: asked for by one person, approved by another, both named by opaque ids. */
@AdministrationOfAccounts()
export class AdjustmentsController {
  constructor(private readonly administration: Administration) {}

  @Post(':user_id/adjustments')
  async adjust(@Param('user_id') accountId: string, @Body() body: unknown): Promise<object> {
    const { adjustment_id: adjustmentId, lines, ...said } = parse(adjustmentBody, body);
    const { fact, position } = await this.administration.once(
      accountId,
      {
        type: 'AdjustCredits',
        adjustmentId,
        lines: lines.map(({ lot_id: lotId, amount }) => ({ lotId, amount })),
        requestedBy: said.requested_by,
        approvedBy: said.approved_by,
        reason: said.reason,
      },
      `adjust:${adjustmentId}`,
      'CreditsAdjusted',
      (adjusted) => adjusted.adjustmentId === adjustmentId,
    );
    return {
      adjustment_id: adjustmentId,
      lines: fact.lines.map(({ lotId, amount }) => ({ lot_id: lotId, amount: creditsOf(amount) })),
      requested_by: fact.requestedBy,
      approved_by: fact.approvedBy,
      position,
    };
  }
}

function eachLotOnce({ value, issues }: z.core.ParsePayload<z.output<typeof line>[]>): void {
  const named = new Set<string>();
  value.forEach(({ lot_id: lotId }, index) => {
    if (named.has(lotId))
      issues.push({ code: 'custom', input: lotId, path: [index, 'lot_id'], message: 'was named by another line' });
    named.add(lotId);
  });
}
