/**
 * Random commands of every kind. Ids and amounts are few and small and times are whole hours, give or take a millisecond, so that
 * repetition, exhaustion and boundaries hit exactly are common.
 */
import fc from 'fast-check';
import type { AccountCommand } from '../../src/accounts/domain/account.decider.js';
import { GRANT_KINDS, TIERS } from '../../src/accounts/domain/accounts.events.js';
import type { RefundGeneration } from '../../src/accounts/domain/refund-generation.js';
import { nano } from '../../src/kernel/credits.js';
import { LIMIT_RESETS } from '../../src/kernel/time.js';
import type { Books } from './account-books.js';
import { DAY, grant, HOUR, KEY, settle } from './account-story.js';

/** What a command is about is chosen among what there is when its turn comes; lists have the newest first. */
export interface Known {
  readonly now: number;
  readonly reservations: readonly string[];
  /** Generations that were charged. */
  readonly charged: readonly string[];
  readonly payments: readonly string[];
  readonly disputes: readonly string[];
  readonly lots: readonly string[];
  paidFor(generationId: string): RefundGeneration['paid'];
}
export type Intent = (known: Known) => AccountCommand;

export type Step =
  | { readonly ask: Intent }
  /** Asks exactly what was asked so many steps ago. */
  | { readonly again: number }
  /** The clock goes on, or is set back. */
  | { readonly wait: number };

const id = (prefix: string, max: number) => fc.nat(max).map((one) => `${prefix}${one}`);
const amount = (min: number, max: number) => fc.integer({ min, max }).map((one) => nano(BigInt(one)));
const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined });
const hours = (min: number, max: number) => fc.integer({ min, max }).map((one) => one * HOUR);
const mostly = <A, B>(one: fc.Arbitrary<A>, other: fc.Arbitrary<B>, weight = 9) =>
  fc.oneof({ weight, arbitrary: one }, { weight: 1, arbitrary: other });

const keyId = mostly(fc.constant(KEY), id('k', 1), 4);
/** The how-manieth of what is known; now and then one that does not exist. */
const which = mostly(fc.nat(7), fc.constant(-1));
const pick = (among: readonly string[], index: number): string => among[index % among.length] ?? 'none';
const limit = amount(0, 150);
const reset = fc.constantFrom(...LIMIT_RESETS);
/** From now; now itself is too late. */
const expiry = mostly(hours(1, 6), fc.constant(0));
const person = fc.constantFrom('ann', 'bob', 'cat');
/** A term of a key: kept, lifted or set. */
const term = <T>(one: fc.Arbitrary<T>) => fc.option(maybe(one), { nil: null });
const inTime = <T>(now: number, hence: T) => (typeof hence === 'number' ? now + hence : (hence as Exclude<T, number>));

/** An arbitrary of commands, from what is random about them. Shows both when a history fails. */
function of<T>(
  weight: number,
  what: AccountCommand['type'],
  about: { [K in keyof T]: fc.Arbitrary<T[K]> },
  make: (known: Known, about: T) => AccountCommand,
): { weight: number; arbitrary: fc.Arbitrary<{ readonly ask: Intent }> } {
  const arbitrary = fc.record(about as { [K in keyof T]: fc.Arbitrary<T[K]> }).map((chosen) => ({
    ask: (known: Known) => make(known, chosen as T),
    [fc.toStringMethod]: () => `${what} ${fc.stringify(chosen)}`,
  }));
  return { weight, arbitrary };
}

const openings = of(1, 'OpenAccount', { username: fc.constantFrom('u', 'v') }, (_known, about) => ({
  type: 'OpenAccount',
  accountId: 'a',
  tier: 'free',
  ...about,
}));

const tiers = of(1, 'ChangeTier', { tier: fc.constantFrom(...TIERS) }, (_known, about) => ({ type: 'ChangeTier', ...about }));

const keys = [
  of(
    3,
    'IssueApiKey',
    { keyId: id('k', 1), secretHash: id('h', 1), limit: maybe(limit), reset: maybe(reset), expiry: maybe(expiry) },
    ({ now }, { keyId, secretHash, limit, reset, expiry }) => {
      const limitReset = limit === undefined ? undefined : reset;
      return { type: 'IssueApiKey', keyId, secretHash, name: 'n', limit, limitReset, expiresAt: inTime(now, expiry) };
    },
  ),
  of(
    4,
    'ChangeApiKey',
    {
      keyId: fc.constantFrom('k0', 'k1', 'k2', KEY),
      name: maybe(fc.constantFrom('n', 'm')),
      limit: term(limit),
      limitReset: term(reset),
      expiry: term(hours(0, 40)),
    },
    ({ now }, { expiry, ...about }) => ({ type: 'ChangeApiKey', ...about, expiresAt: inTime(now, expiry) }),
  ),
  of(1, 'RevokeApiKey', { keyId: fc.constantFrom('k0', 'k1', 'k2', 'k2') }, (_known, about) => ({
    type: 'RevokeApiKey',
    ...about,
  })),
];

const grants = of(
  9,
  'GrantCredits',
  {
    grantId: id('g', 14),
    kind: fc.constantFrom(...GRANT_KINDS),
    amount: amount(1, 90),
    priority: fc.nat(2),
    start: mostly(fc.constant(undefined), hours(-1, 3), 4),
    expiry: maybe(expiry),
    paymentId: maybe(id('p', 4)),
  },
  ({ now }, { grantId, amount, kind, priority, start, expiry, paymentId }) =>
    grant(grantId, amount, {
      kind,
      priority,
      ...(start === undefined ? {} : { effectiveAt: now + start }),
      ...(expiry === undefined ? {} : { expiresAt: now + expiry }),
      ...(paymentId === undefined ? {} : { paymentId }),
    }),
);

const reservations = [
  of(
    14,
    'ReserveCredits',
    { id: id('r', 30), keyId, amount: amount(0, 50), settleWithinMs: hours(0, 4) },
    (_known, { id, ...about }) => ({
      type: 'ReserveCredits',
      reservationId: id,
      generationId: id,
      quote: { model: 'm', priceVersion: 'm@1', promptTokensMax: 1, completionTokensMax: 1 },
      ...about,
    }),
  ),
  of(
    4,
    'ExtendReservation',
    { which, amount: amount(0, 90), settleWithinMs: hours(0, 4) },
    ({ reservations }, { which, ...about }) => ({
      type: 'ExtendReservation',
      reservationId: pick(reservations, which),
      ...about,
    }),
  ),
  of(9, 'SettleReservation', { which, cost: fc.bigInt(0n, 70n) }, ({ reservations }, { which, cost }) =>
    settle(pick(reservations, which), cost),
  ),
  of(5, 'ReleaseReservation', { which, onlyOverdue: fc.boolean() }, ({ reservations }, { which, onlyOverdue }) => ({
    type: 'ReleaseReservation',
    reservationId: pick(reservations, which),
    reason: 'provider_error',
    onlyOverdue,
  })),
];

const expiries = of(2, 'ExpireCredits', {}, () => ({ type: 'ExpireCredits' }));

const refunds = [
  of(
    6,
    'RefundGeneration',
    {
      refundId: id('f', 9),
      which,
      amount: maybe(amount(0, 30)),
      intoExpired: fc.constantFrom<'expire' | 'goodwill'>('expire', 'goodwill'),
    },
    ({ charged, paidFor }, { which, ...about }) => {
      const generationId = pick(charged, which);
      return { type: 'RefundGeneration', generationId, reason: 'asked for', paid: paidFor(generationId), ...about };
    },
  ),
  of(2, 'RefundTopUp', { refundId: id('c', 5), which, amount: maybe(amount(0, 40)) }, ({ payments }, { which, ...about }) => ({
    type: 'RefundTopUp',
    paymentId: pick(payments, which),
    ...about,
  })),
];

const disputes = [
  of(4, 'FreezeLots', { disputeId: id('d', 6), which, amount: maybe(amount(0, 40)) }, ({ payments }, { which, ...about }) => ({
    type: 'FreezeLots',
    paymentId: pick(payments, which),
    ...about,
  })),
  of(2, 'UnfreezeLots', { which }, ({ disputes }, { which }) => ({ type: 'UnfreezeLots', disputeId: pick(disputes, which) })),
  of(2, 'ClawBackCredits', { which }, ({ disputes }, { which }) => ({
    type: 'ClawBackCredits',
    disputeId: pick(disputes, which),
  })),
];

const adjustments = of(
  3,
  'AdjustCredits',
  {
    adjustmentId: id('a', 4),
    lines: fc.array(fc.tuple(which, mostly(fc.bigInt(1n, 30n), fc.bigInt(-30n, -1n), 1)), { minLength: 1, maxLength: 2 }),
    requestedBy: person,
    approvedBy: person,
  },
  ({ lots }, { lines, ...about }) => {
    // A lot is named once.
    const amounts = new Map(lines.map(([index, amount]) => [pick(lots, index), amount]));
    const named = [...amounts].map(([lotId, amount]) => ({ lotId, amount }));
    return { type: 'AdjustCredits', lines: named, reason: 'a mistake', ...about };
  },
);

/** A command of any kind. */
export const anyCommand: fc.Arbitrary<{ readonly ask: Intent }> = fc.oneof(
  openings,
  tiers,
  ...keys,
  grants,
  ...reservations,
  expiries,
  ...refunds,
  ...disputes,
  adjustments,
);

/** The clock goes on by hours, hits or misses a boundary by a millisecond, is set back, or leaps to another day, week or month. */
const waits = fc.oneof(
  { weight: 8, arbitrary: hours(0, 2) },
  { weight: 2, arbitrary: fc.constantFrom(1, HOUR - 1, -1) },
  { weight: 2, arbitrary: hours(-4, -1) },
  { weight: 1, arbitrary: fc.constantFrom(DAY, 7 * DAY, 31 * DAY) },
);

export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: anyCommand },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 20 }).map((again) => ({ again })) },
  { weight: 2, arbitrary: waits.map((wait) => ({ wait })) },
);

/** What can be chosen from, as the books of an account have it. */
export function knownFrom(books: Books, now: number): Known {
  const lots = [...books.lots.values()].reverse();
  return {
    now,
    reservations: [...books.reservations.keys()].reverse(),
    charged: [...books.generations.keys()].reverse(),
    payments: lots.flatMap(({ paymentId }) => paymentId ?? []),
    disputes: [...books.disputes.keys()].reverse(),
    lots: lots.map(({ id }) => id),
    paidFor(generationId) {
      const paid = books.generations.get(generationId);
      return { debits: [...(paid?.debits ?? [])], shortfall: nano(paid?.shortfall ?? 0n) };
    },
  };
}
