import fc from 'fast-check';
import type { Fact } from '../../projections/runtime/projection.js';
import { type AccountCommand, accountDecider } from '../../src/accounts/domain/account.decider.js';
import { type Account, initialAccount } from '../../src/accounts/domain/account.js';
import { type AccountEvent, type ReservationSettled, TIERS } from '../../src/accounts/domain/accounts.events.js';
import { evolve } from '../../src/accounts/domain/evolve-account.js';
import { nano, nanoFromText, nanoToText } from '../../src/kernel/credits.js';

const START = Date.parse('2026-02-27T20:00:00.000Z');
export const HOUR_MS = 3_600_000;
export const ACCOUNTS = ['account1', 'account2'];
const KEYS = ['k1', 'k2', 'k3'];

type Charge = Pick<ReservationSettled['data'], 'reservationId' | 'generationId' | 'debits' | 'shortfall'>;
type Step = (account: Account, now: number, n: number, charges: readonly Charge[]) => AccountCommand | undefined;

const oneOf = <T>(items: Iterable<T>, which: number): T | undefined => {
  const all = [...items];
  return all[which % Math.max(1, all.length)];
};
const some = fc.option(fc.bigInt(1n, 300n), { nil: undefined });
const settlement = (reservationId: string, cost: bigint): AccountCommand => ({
  type: 'SettleReservation',
  reservationId,
  model: 'm',
  cost: { exact: `${cost}000`, rounded: nanoToText(nano(cost)), lines: [] },
  usage: { classes: {}, source: 'provider' },
  priceVersion: 'p',
  formulaVersion: 'f',
  attempts: [],
  outcome: 'completed',
});

const paymentsOf = ({ grants }: Account): string[] => [...grants.values()].flatMap(({ paymentId }) => paymentId ?? []);

/** What a customer, a provider, an operator and the jobs do. A step that the write side refuses leaves no event. */
const steps = {
  grant: fc.record({ amount: fc.bigInt(1n, 1_000n), hours: fc.option(fc.integer({ min: 1, max: 60 })), paid: fc.boolean() }).map(
    ({ amount, hours, paid }): Step =>
      (_account, now, n) => ({
        type: 'GrantCredits',
        grantId: `g${n}`,
        kind: paid ? 'top_up' : 'promo',
        amount: nano(amount),
        priority: paid ? 50 : 10,
        ...(hours === null ? {} : { expiresAt: now + hours * HOUR_MS }),
        ...(paid ? { paymentId: `p${n}` } : {}),
      }),
  ),
  reserve: fc.record({ amount: fc.bigInt(0n, 400n), key: fc.constantFrom(...KEYS) }).map(
    ({ amount, key }): Step =>
      (_account, _now, n) => ({
        type: 'ReserveCredits',
        reservationId: `r${n}`,
        generationId: `gen-${n}`,
        keyId: key,
        amount: nano(amount),
        quote: { model: 'm', priceVersion: 'p', promptTokensMax: 1, completionTokensMax: 1 },
        settleWithinMs: HOUR_MS,
      }),
  ),
  extend: fc.record({ which: fc.nat(), amount: fc.bigInt(0n, 600n), hours: fc.integer({ min: 0, max: 4 }) }).map(
    ({ which, amount, hours }): Step =>
      (account) => {
        const reservationId = oneOf(account.reservations.keys(), which);
        if (reservationId === undefined) return undefined;
        return { type: 'ExtendReservation', reservationId, amount: nano(amount), settleWithinMs: hours * HOUR_MS };
      },
  ),
  settle: fc.record({ which: fc.nat(), cost: fc.bigInt(0n, 800n) }).map(
    ({ which, cost }): Step =>
      (account) => {
        const reservationId = oneOf(account.reservations.keys(), which);
        return reservationId === undefined ? undefined : settlement(reservationId, cost);
      },
  ),
  settleLate: fc.record({ which: fc.nat(), cost: fc.bigInt(0n, 800n) }).map(
    ({ which, cost }): Step =>
      ({ closed }) => {
        const released = [...closed.recent].filter(([, { as }]) => as === 'released').map(([reservationId]) => reservationId);
        const reservationId = oneOf(released, which);
        return reservationId === undefined ? undefined : settlement(reservationId, cost);
      },
  ),
  release: fc.record({ which: fc.nat(), onlyOverdue: fc.boolean() }).map(
    ({ which, onlyOverdue }): Step =>
      (account) => {
        const reservationId = oneOf(account.reservations.keys(), which);
        if (reservationId === undefined) return undefined;
        return { type: 'ReleaseReservation', reservationId, reason: onlyOverdue ? 'abandoned' : 'provider_error', onlyOverdue };
      },
  ),
  refund: fc.record({ which: fc.nat(), amount: some, intoExpired: fc.constantFrom('expire' as const, 'goodwill' as const) }).map(
    ({ which, amount, intoExpired }): Step =>
      (_account, _now, n, charges) => {
        const charge = oneOf(charges, which);
        if (!charge) return undefined;
        const { generationId, debits, shortfall } = charge;
        const paid = { debits, shortfall: nanoFromText(shortfall) };
        const about = { amount: amount === undefined ? undefined : nano(amount), reason: 'asked for', intoExpired };
        return { type: 'RefundGeneration', refundId: `f${n}`, generationId, paid, ...about };
      },
  ),
  refundTopUp: fc.record({ which: fc.nat(), amount: some }).map(
    ({ which, amount }): Step =>
      (account, _now, n) => {
        const paymentId = oneOf(paymentsOf(account), which);
        if (paymentId === undefined) return undefined;
        return { type: 'RefundTopUp', refundId: `c${n}`, paymentId, amount: amount === undefined ? undefined : nano(amount) };
      },
  ),
  dispute: fc.record({ which: fc.nat(), amount: some }).map(
    ({ which, amount }): Step =>
      (account, _now, n) => {
        const paymentId = oneOf(paymentsOf(account), which);
        if (paymentId === undefined) return undefined;
        return { type: 'FreezeLots', disputeId: `d${n}`, paymentId, amount: amount === undefined ? undefined : nano(amount) };
      },
  ),
  endDispute: fc.record({ which: fc.nat(), won: fc.boolean() }).map(
    ({ which, won }): Step =>
      (account) => {
        const disputeId = oneOf(account.disputes.keys(), which);
        return disputeId === undefined ? undefined : { type: won ? 'UnfreezeLots' : 'ClawBackCredits', disputeId };
      },
  ),
  adjust: fc.array(fc.record({ which: fc.nat(), amount: fc.bigInt(-200n, 200n) }), { minLength: 1, maxLength: 2 }).map(
    (asked): Step =>
      (account, _now, n) => {
        const lots = [...account.grants.values()].map(({ lotId }) => lotId);
        const lines = new Map(asked.map(({ which, amount }) => [oneOf(lots, which), amount]));
        if (lots.length === 0) return undefined;
        return {
          type: 'AdjustCredits',
          adjustmentId: `j${n}`,
          lines: [...lines].map(([lotId, amount]) => ({ lotId: lotId as string, amount })),
          requestedBy: 'person1',
          approvedBy: 'person2',
          reason: 'r',
        };
      },
  ),
  changeTier: fc.constantFrom(...TIERS).map(
    (tier): Step =>
      () => ({ type: 'ChangeTier', tier }),
  ),
  changeKey: fc
    .record({
      keyId: fc.constantFrom(...KEYS),
      limit: fc.option(fc.bigInt(0n, 1_500n)),
      limitReset: fc.option(fc.constantFrom('daily' as const, 'weekly' as const, 'monthly' as const)),
    })
    .map(
      ({ keyId, limit, limitReset }): Step =>
        () => ({ type: 'ChangeApiKey', keyId, limit: limit === null ? null : nano(limit), limitReset }),
    ),
  expire: fc.constant<Step>(() => ({ type: 'ExpireCredits' })),
  revoke: fc.constantFrom(...KEYS).map(
    (keyId): Step =>
      () => ({ type: 'RevokeApiKey', keyId }),
  ),
};

/** Every history that the write side can produce, of two accounts, with pauses of that many hours at most. */
export const historiesOf = (pauseMaxHours: number, minLength = 10) =>
  fc
    .array(
      fc.record({
        account: fc.constantFrom(...ACCOUNTS),
        hours: fc.oneof({ weight: 3, arbitrary: fc.nat(1) }, { weight: 1, arbitrary: fc.nat(pauseMaxHours) }),
        step: fc.oneof(
          { weight: 3, arbitrary: steps.grant },
          { weight: 6, arbitrary: steps.reserve },
          { weight: 6, arbitrary: steps.settle },
          { weight: 1, arbitrary: steps.release },
          { weight: 2, arbitrary: steps.extend },
          { weight: 1, arbitrary: steps.settleLate },
          { weight: 1, arbitrary: steps.expire },
          { weight: 1, arbitrary: steps.revoke },
          { weight: 3, arbitrary: steps.changeKey },
          { weight: 1, arbitrary: steps.changeTier },
          { weight: 2, arbitrary: steps.refund },
          { weight: 1, arbitrary: steps.refundTopUp },
          { weight: 2, arbitrary: steps.dispute },
          { weight: 1, arbitrary: steps.endDispute },
          { weight: 1, arbitrary: steps.adjust },
        ),
      }),
      { minLength, maxLength: 120 },
    )
    .map((script) => {
      const world = new World();
      for (const { account, hours, step } of script) world.play(account, hours, step);
      return world;
    });

/** A week or so, with a month's end. */
export const histories = historiesOf(12);

/** The write side of two accounts, and all events in the order of their positions. */
export class World {
  readonly facts: Fact[] = [];
  readonly accounts = new Map(ACCOUNTS.map((accountId) => [accountId, initialAccount()]));
  private readonly charges = new Map<string, Charge[]>(ACCOUNTS.map((accountId) => [accountId, []]));
  now = START;
  private played = 0;

  constructor() {
    for (const accountId of ACCOUNTS) {
      this.decide(accountId, { type: 'OpenAccount', accountId, username: 'ada', tier: 'free' });
      KEYS.forEach((keyId, index) => {
        const limits = [{}, { limit: nano(900n), limitReset: 'daily' as const }, { limit: nano(700n) }][index];
        const key = { keyId, secretHash: keyId, name: keyId, limit: undefined, limitReset: undefined, expiresAt: undefined };
        this.decide(accountId, { type: 'IssueApiKey', ...key, ...limits });
      });
    }
  }

  play(accountId: string, hours: number, step: Step): void {
    this.now += hours * HOUR_MS;
    const command = step(this.accountOf(accountId), this.now, this.played++, this.charges.get(accountId) ?? []);
    if (command) this.decide(accountId, command);
  }

  accountOf(accountId: string): Account {
    return this.accounts.get(accountId) as Account;
  }

  private decide(accountId: string, command: AccountCommand): void {
    const decision = accountDecider.decide(command, this.accountOf(accountId), this.now);
    if ('rejection' in decision) return;
    for (const event of decision.events) this.append(accountId, event);
  }

  private append(accountId: string, event: AccountEvent): void {
    this.accounts.set(accountId, evolve(this.accountOf(accountId), event, this.now));
    if (event.type === 'ReservationSettled' || event.type === 'LateSettlementRecorded')
      this.charges.get(accountId)?.push(event.data);
    const occurredAt = new Date(this.now).toISOString();
    this.facts.push({
      stream: `account-${accountId}`,
      revision: BigInt(this.facts.length),
      position: BigInt(this.facts.length),
      metadata: { occurredAt },
      ...event,
    });
  }
}
