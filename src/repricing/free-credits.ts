import type { Account } from '../accounts/index.js';
import type { Instant } from '../kernel/time.js';

export interface LotLine {
  readonly lotId: string;
  /** Nano-credits, negative where they are taken. */
  readonly amount: bigint;
}

/** What an account could pay with at a moment: neither held nor frozen, in force, and nothing while it owes. */
export function freeCredits(account: Account, at: Instant): bigint {
  let free = 0n;
  for (const lot of payingLots(account, at)) free += lot.free;
  return free;
}

/** The lines that take an amount from an account's free lots, in burn-down order; undefined where they do not suffice. */
export function takeFromFree(account: Account, amount: bigint, at: Instant): readonly LotLine[] | undefined {
  const lines: LotLine[] = [];
  let left = amount;
  for (const { lotId, free } of payingLots(account, at)) {
    if (left === 0n) break;
    const part = free < left ? free : left;
    lines.push({ lotId, amount: -part });
    left -= part;
  }
  return left === 0n ? lines : undefined;
}

/** The account keeps its lots in burn-down order. */
function* payingLots({ lots, receivable, lastEventAt }: Account, now: Instant) {
  if (receivable > 0n) return;
  const at = Math.max(now, lastEventAt);
  for (const { lotId, effectiveAt, expiresAt, remaining, held, frozen } of lots.values()) {
    const free = remaining - held - frozen;
    if (free > 0n && effectiveAt <= at && (expiresAt === undefined || at < expiresAt)) yield { lotId, free };
  }
}
