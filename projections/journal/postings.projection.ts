import type { AccountEvent, LotAmount } from '../../src/accounts/domain/accounts.events.js';
import { unknownEvent } from '../runtime/account-facts.projection.js';
import {
  ADJUSTMENTS,
  AVAILABLE,
  BREAKAGE,
  CASH_REFUNDS,
  CLAW_BACKS,
  FROZEN,
  GRANTED,
  HELD,
  type LedgerAccount,
  LOT_CLASSES,
  type LotClass,
  OWNED,
  REFUNDS,
  USAGE,
} from './chart.projection.js';

/** Nano-credits by class of lot. */
export type ByLotClass = Readonly<Record<LotClass, bigint>>;

/** What the rules ask of the rows: the class of a lot, and what the reservation of the event holds. Both throw where it is unknown. */
export interface Known {
  classOf(lotId: string): LotClass;
  held(): ByLotClass;
}

/** The postings of one event: an amount by ledger account, debits positive, credits negative. */
export class Postings {
  readonly lines = new Map<LedgerAccount, bigint>();

  debit(ledgerAccount: LedgerAccount, amount: bigint): this {
    this.lines.set(ledgerAccount, (this.lines.get(ledgerAccount) ?? 0n) + amount);
    return this;
  }

  credit(ledgerAccount: LedgerAccount, amount: bigint): this {
    return this.debit(ledgerAccount, -amount);
  }

  /** How the account's own credits change: available, held and frozen together. */
  get owned(): bigint {
    let change = 0n;
    for (const [ledgerAccount, amount] of this.lines) if (OWNED.has(ledgerAccount)) change -= amount;
    return change;
  }

  /** How what the account owes changes. */
  get receivable(): bigint {
    return this.lines.get('receivable') ?? 0n;
  }

  /** Throws where debits and credits differ. */
  mustBalance(): this {
    let sum = 0n;
    for (const amount of this.lines.values()) sum += amount;
    if (sum !== 0n) throw new Error('the debits and credits of an event differ');
    return this;
  }
}

/**
 * Double entry of one event. Where the event states a sum and its parts, both are posted, so that an event which contradicts itself or
 * what its reservation holds does not balance. Throws there, and where the event is unknown.
 */
export function postingsOf(event: AccountEvent, known: Known): Postings {
  return post(new Postings(), event, known).mustBalance();
}

function post(postings: Postings, event: AccountEvent, known: Known): Postings {
  switch (event.type) {
    case 'AccountOpened':
    case 'TierChanged':
    case 'ApiKeyIssued':
    case 'ApiKeyChanged':
    case 'ApiKeyRevoked':
      return postings;
    case 'CreditsGranted': {
      const { kind, amount } = event.data;
      return move(postings, GRANTED[kind], AVAILABLE[kind], BigInt(amount));
    }
    case 'CreditsReserved':
    case 'ReservationExtended':
      return moveLots(postings, event.data.holds, known, AVAILABLE, HELD);
    case 'ReservationSettled':
      return settle(postings, event.data, known);
    case 'ReservationReleased':
      return release(postings, event.data.releases, known);
    case 'LateSettlementRecorded': {
      const { debits, shortfall, cost } = event.data;
      const paid = each(debits, known, (lotClass, amount) => move(postings, AVAILABLE[lotClass], USAGE[lotClass], amount));
      return owe(postings, shortfall, BigInt(cost.rounded) - paid);
    }
    case 'CreditsExpired':
      return moveLots(postings, [event.data], known, AVAILABLE, BREAKAGE);
    case 'ShortfallRepaid':
      return move(postings, AVAILABLE[known.classOf(event.data.lotId)], 'receivable', BigInt(event.data.amount));
    case 'GenerationRefunded': {
      const { credits, waived, regranted, amount } = event.data;
      const back = each(credits, known, (lotClass, part) => move(postings, REFUNDS[lotClass], AVAILABLE[lotClass], part));
      return postings.debit('refunds:waived', BigInt(amount) - back - BigInt(regranted)).credit('receivable', BigInt(waived));
    }
    case 'TopUpRefunded':
      return moveLots(postings, [event.data], known, AVAILABLE, CASH_REFUNDS);
    case 'LotsFrozen':
      return moveLots(postings, event.data.lots, known, AVAILABLE, FROZEN);
    case 'LotsUnfrozen':
      return moveLots(postings, event.data.lots, known, FROZEN, AVAILABLE);
    case 'CreditsClawedBack':
      moveLots(postings, event.data.lots, known, FROZEN, CLAW_BACKS);
      return move(postings, 'receivable', 'claw_backs:owed', BigInt(event.data.receivable));
    case 'CreditsAdjusted':
      return moveLots(postings, event.data.lines, known, ADJUSTMENTS, AVAILABLE);
  }
  return unknownEvent(event);
}

type Settled = Extract<AccountEvent, { type: 'ReservationSettled' }>['data'];

/** The holds pay the debits; what they hold beyond them is available again, what they do not reach is taken from what is available. */
function settle(postings: Postings, { debits, releases, shortfall, cost }: Settled, known: Known): Postings {
  const held = known.held();
  for (const lotClass of LOT_CLASSES) move(postings, HELD[lotClass], AVAILABLE[lotClass], held[lotClass]);
  const paid = each(debits, known, (lotClass, amount) => move(postings, AVAILABLE[lotClass], USAGE[lotClass], amount));
  if (sumOf(releases) + paid < totalOf(held)) throw new Error('a settlement gives back less than its reservation held');
  return owe(postings, shortfall, BigInt(cost.rounded) - paid);
}

function release(postings: Postings, releases: readonly LotAmount[], known: Known): Postings {
  const held = known.held();
  for (const lotClass of LOT_CLASSES) postings.debit(HELD[lotClass], held[lotClass]);
  each(releases, known, (lotClass, amount) => postings.credit(AVAILABLE[lotClass], amount));
  return postings;
}

/** What no lot paid is owed. The two differ where the cost is not what was paid and is owed: then the postings do not balance. */
const owe = (postings: Postings, shortfall: string, unpaid: bigint): Postings =>
  postings.debit('receivable', BigInt(shortfall)).credit('usage:shortfall', unpaid);

type Names = Readonly<Record<LotClass, LedgerAccount>>;

function moveLots(postings: Postings, parts: readonly LotAmount[], known: Known, debit: Names, credit: Names): Postings {
  each(parts, known, (lotClass, amount) => move(postings, debit[lotClass], credit[lotClass], amount));
  return postings;
}

function move(postings: Postings, debit: LedgerAccount, credit: LedgerAccount, amount: bigint): Postings {
  return amount === 0n ? postings : postings.debit(debit, amount).credit(credit, amount);
}

/** @returns the sum of the parts */
function each(parts: readonly LotAmount[], { classOf }: Known, take: (lotClass: LotClass, amount: bigint) => unknown): bigint {
  let sum = 0n;
  for (const { lotId, amount } of parts) {
    const part = BigInt(amount);
    sum += part;
    take(classOf(lotId), part);
  }
  return sum;
}

/** What holds set aside, by class of lot. */
export function heldBy(holds: readonly LotAmount[], known: Pick<Known, 'classOf'>): ByLotClass {
  const held = { top_up: 0n, promo: 0n, goodwill: 0n };
  for (const { lotId, amount } of holds) held[known.classOf(lotId)] += BigInt(amount);
  return held;
}

const sumOf = (parts: readonly LotAmount[]): bigint => parts.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
const totalOf = (held: ByLotClass): bigint => held.top_up + held.promo + held.goodwill;
