import { type NanoCredits, ZERO } from '../../kernel/credits.js';
import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { LotId } from '../../kernel/ids.js';
import type { Instant } from '../../kernel/time.js';
import { type Account, grantOfLot } from './account.js';
import type { CreditsAdjusted } from './accounts.events.js';
import { freeOf } from './burn-down.js';
import { hasExpired } from './returned-credits.js';

export interface AdjustCredits {
  readonly type: 'AdjustCredits';
  readonly adjustmentId: string;
  /** Nano-credits by lot, each lot once, none zero; negative where credits are taken away. */
  readonly lines: readonly { readonly lotId: LotId; readonly amount: bigint }[];
  readonly requestedBy: string;
  readonly approvedBy: string;
  readonly reason: string;
}

export type AdjustCreditsRejection =
  | { readonly reason: 'adjustment_conflict'; readonly adjustmentId: string }
  | { readonly reason: 'approver_is_requester' }
  | { readonly reason: 'amount_invalid'; readonly field: 'lines' }
  | { readonly reason: 'lot_not_found'; readonly lotId: LotId }
  | { readonly reason: 'lot_expired'; readonly lotId: LotId }
  | { readonly reason: 'adjustment_exceeds_free'; readonly lotId: LotId; readonly free: NanoCredits };

/** Corrects lots by hand: asked for by one person, approved by another. The same adjustment twice is one. */
export function adjustCredits(
  { adjustmentId, lines: asked, requestedBy, approvedBy, reason }: AdjustCredits,
  account: Account,
  at: Instant,
): Decision<CreditsAdjusted, AdjustCreditsRejection> {
  const lines = asked.map(({ lotId, amount }) => ({ lotId, amount: amount.toString() }));
  const earlier = account.adjustments.get(adjustmentId);
  if (earlier) {
    const same = earlier.requestedBy === requestedBy && earlier.approvedBy === approvedBy && sameLines(earlier.lines, lines);
    return same ? accept() : reject({ reason: 'adjustment_conflict', adjustmentId });
  }
  if (requestedBy === approvedBy) return reject({ reason: 'approver_is_requester' });
  const lots = new Set(asked.map(({ lotId }) => lotId));
  if (lots.size < asked.length || lots.size === 0 || asked.some(({ amount }) => amount === 0n))
    return reject({ reason: 'amount_invalid', field: 'lines' });
  for (const { lotId, amount } of asked) {
    if (!grantOfLot(account, lotId)) return reject({ reason: 'lot_not_found', lotId });
    if (hasExpired(account, lotId, at)) return reject({ reason: 'lot_expired', lotId });
    const lot = account.lots.get(lotId);
    const free = lot ? freeOf(lot) : ZERO;
    if (free + amount < 0n) return reject({ reason: 'adjustment_exceeds_free', lotId, free });
  }
  return accept({ type: 'CreditsAdjusted', data: { adjustmentId, lines, requestedBy, approvedBy, reason } });
}

function sameLines(a: CreditsAdjusted['data']['lines'], b: CreditsAdjusted['data']['lines']): boolean {
  return a.length === b.length && a.every((line, index) => line.lotId === b[index]?.lotId && line.amount === b[index]?.amount);
}
