import { type AccountCommand, type AccountRejection, accountDecider } from '../../src/accounts/domain/account.decider.js';
import { type Account, available } from '../../src/accounts/domain/account.js';
import type { AccountEvent, LotAmount, ReservationSettled } from '../../src/accounts/domain/accounts.events.js';
import type { GrantCredits } from '../../src/accounts/domain/grant-credits.js';
import { nano } from '../../src/kernel/credits.js';
import type { Instant, LimitReset } from '../../src/kernel/time.js';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const KEY = 'key-1';

/** An opened account with one key. */
export const given = (): Story =>
  new Story().done({ type: 'OpenAccount', accountId: 'a', username: 'u', tier: 'free' }).done({
    type: 'IssueApiKey',
    keyId: KEY,
    secretHash: 'h',
    name: 'n',
    limit: undefined,
    limitReset: undefined,
    expiresAt: undefined,
  });

/** Commands in a row against the real decider; `last` is what the last one made happen. */
export class Story {
  account: Account = accountDecider.initialState();
  last: readonly AccountEvent[] = [];
  rejection: AccountRejection | undefined;
  readonly events: AccountEvent[] = [];
  private now: Instant = 0;

  at(now: Instant): this {
    this.now = now;
    return this;
  }

  /** A command that may be refused. */
  asked(command: AccountCommand): this {
    const decision = accountDecider.decide(command, this.account, this.now);
    this.rejection = 'rejection' in decision ? decision.rejection : undefined;
    this.last = 'rejection' in decision ? [] : decision.events;
    for (const event of this.last) {
      this.account = accountDecider.evolve(this.account, event, this.now);
      this.events.push(event);
    }
    return this;
  }

  /** A command that must be accepted. */
  done(command: AccountCommand): this {
    this.asked(command);
    if (this.rejection) throw new Error(`${command.type} was refused: ${this.rejection.reason}`);
    return this;
  }

  granted(grantId: string, amount: bigint, about: Partial<Omit<GrantCredits, 'type' | 'amount'>> = {}): this {
    return this.done(grant(grantId, amount, about));
  }

  reserved(reservationId: string, amount: bigint): this {
    return this.done(reserve(reservationId, amount));
  }

  settled(reservationId: string, cost: bigint): this {
    return this.done(settle(reservationId, cost));
  }

  expired(): this {
    return this.done({ type: 'ExpireCredits' });
  }

  available(): bigint {
    return available(this.account, this.now);
  }
}

export const grant = (
  grantId: string,
  amount: bigint,
  about: Partial<Omit<GrantCredits, 'type' | 'amount'>> = {},
): AccountCommand => ({
  type: 'GrantCredits',
  grantId,
  kind: 'top_up',
  priority: 50,
  ...about,
  amount: nano(amount),
});

export const reserve = (reservationId: string, amount: bigint, keyId = KEY): AccountCommand => ({
  type: 'ReserveCredits',
  reservationId,
  generationId: reservationId,
  keyId,
  amount: nano(amount),
  quote: { model: 'm', priceVersion: 'm@1', promptTokensMax: 1, completionTokensMax: 1 },
  settleWithinMs: HOUR,
});

export const settle = (reservationId: string, cost: bigint): AccountCommand => ({
  type: 'SettleReservation',
  reservationId,
  model: 'm',
  cost: { exact: (cost * 1000n).toString(), rounded: cost.toString(), lines: [] },
  usage: { classes: {}, source: 'provider' },
  priceVersion: 'm@1',
  formulaVersion: 'usage@1',
  attempts: [],
  outcome: 'completed',
});

export const release = (reservationId: string): AccountCommand => ({
  type: 'ReleaseReservation',
  reservationId,
  reason: 'provider_error',
});

export const extend = (reservationId: string, amount: bigint, settleWithinMs = 0): AccountCommand => ({
  type: 'ExtendReservation',
  reservationId,
  amount: nano(amount),
  settleWithinMs,
});

/** A recovery's release: only where the reservation should have ended. */
export const recover = (reservationId: string): AccountCommand => ({
  type: 'ReleaseReservation',
  reservationId,
  reason: 'abandoned',
  onlyOverdue: true,
});

export const cashRefund = (refundId: string, paymentId: string, amount?: bigint): AccountCommand => ({
  type: 'RefundTopUp',
  refundId,
  paymentId,
  amount: amount === undefined ? undefined : nano(amount),
});

export const dispute = (disputeId: string, paymentId: string, amount?: bigint): AccountCommand => ({
  type: 'FreezeLots',
  disputeId,
  paymentId,
  amount: amount === undefined ? undefined : nano(amount),
});
export const won = (disputeId: string): AccountCommand => ({ type: 'UnfreezeLots', disputeId });
export const lost = (disputeId: string): AccountCommand => ({ type: 'ClawBackCredits', disputeId });

export const adjust = (adjustmentId: string, amounts: Record<string, bigint>, approvedBy = 'bob'): AccountCommand => ({
  type: 'AdjustCredits',
  adjustmentId,
  lines: Object.entries(amounts).map(([lotId, amount]) => ({ lotId, amount })),
  requestedBy: 'ann',
  approvedBy,
  reason: 'a mistake',
});

export const issueKey = (
  keyId: string,
  about: { limit?: bigint; reset?: LimitReset; expiresAt?: Instant } = {},
): AccountCommand => ({
  type: 'IssueApiKey',
  keyId,
  secretHash: 'h',
  name: 'n',
  limit: about.limit === undefined ? undefined : nano(about.limit),
  limitReset: about.reset,
  expiresAt: about.expiresAt,
});

/** A refund of what `debits` paid; undefined: all of it. */
export const refund = (
  refundId: string,
  generationId: string,
  amount: bigint | undefined,
  debits: readonly LotAmount[],
  about: { intoExpired?: 'expire' | 'goodwill'; shortfall?: bigint } = {},
): AccountCommand => ({
  type: 'RefundGeneration',
  refundId,
  generationId,
  amount: amount === undefined ? undefined : nano(amount),
  reason: 'asked for',
  intoExpired: about.intoExpired ?? 'expire',
  paid: { debits, shortfall: nano(about.shortfall ?? 0n) },
});

export const parts = (amounts: Record<string, bigint>): LotAmount[] =>
  Object.entries(amounts).map(([lotId, amount]) => ({ lotId, amount: amount.toString() }));

/** What remains of each open lot. */
export const lotsOf = (account: Account): Record<string, bigint> =>
  Object.fromEntries([...account.lots.values()].map((lot) => [lot.lotId, lot.remaining]));

export function settlement(events: readonly AccountEvent[]): ReservationSettled['data'] {
  const settled = events.find((event) => event.type === 'ReservationSettled');
  if (settled?.type !== 'ReservationSettled') throw new Error('nothing was settled');
  return settled.data;
}
