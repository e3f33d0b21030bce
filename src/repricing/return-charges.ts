import type { Account } from '../accounts/index.js';
import { type Instant, instantFromText } from '../kernel/time.js';
import { repricingOf } from './dry-run.js';
import type { LotLine } from './free-credits.js';

/**
 * The lines that give back what repricings have taken from an account: to the lots that they took it from, the last one first, to
 * none more than was taken. What could go only to expired lots would expire at once and is left out.
 */
export function returnToCharged(account: Account, amount: bigint, now: Instant): readonly LotLine[] {
  const at = Math.max(now, account.lastEventAt);
  const expiries = new Map([...account.grants.values()].map(({ lotId, expiresAt }) => [lotId, expiresAt]));
  const lines = new Map<string, bigint>();
  let left = amount;
  for (const [lotId, taken] of takenByRepricings(account)) {
    const expiresAt = expiries.get(lotId);
    if (expiresAt !== undefined && at >= instantFromText(expiresAt)) continue;
    const part = taken < left ? taken : left;
    if (part > 0n) lines.set(lotId, part);
    left -= part;
  }
  return [...lines].map(([lotId, part]) => ({ lotId, amount: part }));
}

/** What repricings have taken from each lot and not given back; the lot that was taken from last comes first. */
function takenByRepricings({ adjustments }: Account): [string, bigint][] {
  const taken = new Map<string, bigint>();
  for (const { adjustmentId, lines } of adjustments.values()) {
    if (repricingOf(adjustmentId) === undefined) continue;
    for (const { lotId, amount } of lines) {
      const before = taken.get(lotId) ?? 0n;
      if (amount.startsWith('-')) taken.delete(lotId);
      taken.set(lotId, before - BigInt(amount));
    }
  }
  return [...taken].reverse();
}
