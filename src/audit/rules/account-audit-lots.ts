import { type Check, type Json, type Rule } from './account-audit-rules.js';
import { type AuditedAccount, type AuditedLot, freeOf, type Part } from './account-audit-state.js';

/** The ways in and out of a lot. */
export type LotSide =
  | 'returned'
  | 'adjusted'
  | 'debited'
  | 'repaid'
  | 'expired'
  | 'clawedBack'
  | 'cashRefunded'
  | 'held'
  | 'frozen';

const SIGN: Readonly<Record<LotSide, bigint>> = {
  returned: 1n,
  adjusted: 1n,
  debited: -1n,
  repaid: -1n,
  expired: -1n,
  clawedBack: -1n,
  cashRefunded: -1n,
  held: 0n,
  frozen: 0n,
};

/** Parts of lots as an event states them. @throws where they are none */
export const partsOf = (stated: Json): Part[] =>
  (stated as Json[]).map(({ lotId, amount }) => ({ lotId: String(lotId), amount: BigInt(amount) }));

export function lotOf(account: AuditedAccount, lotId: string, check: Check): AuditedLot | undefined {
  const lot = account.lots.get(lotId);
  if (!lot) check.note('1', `lot ${lotId} was never granted`);
  return lot;
}

/** Books an amount on one side of a lot, whatever comes of it: `settleLot` says afterwards whether the lot still adds up. */
export function book(account: AuditedAccount, lotId: string, side: LotSide, amount: bigint, check: Check): void {
  const lot = lotOf(account, lotId, check);
  if (!lot) return;
  lot[side] += amount;
  const change = SIGN[side] * amount;
  if (change === 0n) return;
  const before = lot.remaining;
  lot.remaining += change;
  if (lot.remaining === 0n) account.open = account.open.filter((other) => other !== lot);
  else if (before === 0n) account.enlist(lot);
}

/** Rule 1 for a lot that an event has touched. */
export function checkLot(account: AuditedAccount, lotId: string, check: Check): void {
  const lot = account.lots.get(lotId);
  if (!lot || (lot.held >= 0n && lot.frozen >= 0n && lot.held + lot.frozen <= lot.remaining)) return;
  check.note('1', `${lotId}: held ${lot.held} + frozen ${lot.frozen} of ${lot.remaining} nano-credits remaining`);
}

/** Whether an amount is positive and free in its lot. */
export function mustBeFree(account: AuditedAccount, { lotId, amount }: Part, rule: `${Rule}`, check: Check): void {
  const lot = lotOf(account, lotId, check);
  if (!lot) return;
  check.must(rule, amount > 0n, () => `${amount} nano-credits of ${lotId} is no amount`);
  check.must(rule, amount <= freeOf(lot), () => `${amount} nano-credits of ${lotId}, of which ${freeOf(lot)} are free`);
}

export function isSame(a: readonly Part[], b: readonly Part[]): boolean {
  return a.length === b.length && a.every(({ lotId, amount }, index) => b[index]?.lotId === lotId && b[index]?.amount === amount);
}

export const shown = (parts: readonly Part[]): string =>
  parts.length === 0 ? 'nothing' : parts.map(({ lotId, amount }) => `${amount} of ${lotId}`).join(', ');
