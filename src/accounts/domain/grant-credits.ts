import { least, type NanoCredits, nanoToText } from '../../kernel/credits.js';
import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { GrantId } from '../../kernel/ids.js';
import { type Instant, instantToText } from '../../kernel/time.js';
import { type Account, grantOfPayment } from './account.js';
import type { CreditsGranted, GrantKind, ShortfallRepaid } from './accounts.events.js';

export interface GrantCredits {
  readonly type: 'GrantCredits';
  readonly grantId: GrantId;
  readonly kind: GrantKind;
  readonly amount: NanoCredits;
  readonly priority: number;
  readonly effectiveAt?: Instant;
  readonly expiresAt?: Instant;
  /** The payment that bought the credits: a cash refund or a dispute names it. A payment makes one grant. */
  readonly paymentId?: string;
}

export type GrantCreditsRejection =
  | { readonly reason: 'grant_conflict'; readonly grantId: GrantId }
  | { readonly reason: 'amount_invalid'; readonly field: 'amount' }
  | { readonly reason: 'payment_conflict'; readonly paymentId: string }
  | { readonly reason: 'expiry_in_past'; readonly field: 'expires_at' };

/** Money paid per credit, in nano-units: list price for what was bought, nothing for what was given. */
const COST_BASIS = { top_up: '1000000000', promo: '0', goodwill: '0' } as const;
export const DEFAULT_PRIORITY = 50;

/**
 * Grants a lot of credits. The same grant twice is one grant; the same id for another grant is a conflict. A paid lot first
 * repays what the account owes.
 */
export function grantCredits(
  command: GrantCredits,
  account: Account,
  at: Instant,
): Decision<CreditsGranted | ShortfallRepaid, GrantCreditsRejection> {
  const earlier = account.grants.get(command.grantId);
  if (earlier) return isSameGrant(command, earlier) ? accept() : reject({ reason: 'grant_conflict', grantId: command.grantId });
  if (command.amount === 0n) return reject({ reason: 'amount_invalid', field: 'amount' });
  if (command.paymentId !== undefined && grantOfPayment(account, command.paymentId)) {
    return reject({ reason: 'payment_conflict', paymentId: command.paymentId });
  }
  const effectiveAt = command.effectiveAt ?? at;
  if (command.expiresAt !== undefined && command.expiresAt <= Math.max(at, effectiveAt)) {
    return reject({ reason: 'expiry_in_past', field: 'expires_at' });
  }
  const lotId = nextLotId(account);
  const granted: CreditsGranted = {
    type: 'CreditsGranted',
    data: {
      lotId,
      grantId: command.grantId,
      kind: command.kind,
      amount: nanoToText(command.amount),
      costBasis: COST_BASIS[command.kind],
      currency: 'USD',
      priority: command.priority,
      effectiveAt: instantToText(effectiveAt),
      ...(command.expiresAt === undefined ? {} : { expiresAt: instantToText(command.expiresAt) }),
      ...(command.paymentId === undefined ? {} : { paymentId: command.paymentId }),
    },
  };
  if (account.receivable === 0n || command.kind !== 'top_up') return accept(granted);
  const repaid = nanoToText(least(account.receivable, command.amount));
  return accept<CreditsGranted | ShortfallRepaid>(granted, { type: 'ShortfallRepaid', data: { lotId, amount: repaid } });
}

/** Credits that the house gives along with something else, without expiry. */
export const givenCredits = (
  account: Account,
  grantId: GrantId,
  kind: 'promo' | 'goodwill',
  amount: NanoCredits,
  at: Instant,
): CreditsGranted => ({
  type: 'CreditsGranted',
  data: {
    lotId: nextLotId(account),
    grantId,
    kind,
    amount: nanoToText(amount),
    costBasis: COST_BASIS[kind],
    currency: 'USD',
    priority: DEFAULT_PRIORITY,
    effectiveAt: instantToText(at),
  },
});

const nextLotId = (account: Account) => `lot-${account.grants.size + 1}`;

function isSameGrant(command: GrantCredits, earlier: CreditsGranted['data']): boolean {
  return (
    earlier.kind === command.kind &&
    earlier.amount === nanoToText(command.amount) &&
    earlier.priority === command.priority &&
    earlier.paymentId === command.paymentId &&
    earlier.expiresAt === (command.expiresAt === undefined ? undefined : instantToText(command.expiresAt)) &&
    (command.effectiveAt === undefined || earlier.effectiveAt === instantToText(command.effectiveAt))
  );
}
