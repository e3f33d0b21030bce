import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { DataSource } from 'typeorm';
import type { Instant } from '../../src/kernel/time.js';
import { AskedBalances } from './asked-balances.js';
import type { LotBalance } from './balance-tables.projection.js';
import { lotBalanceEntity } from './balances.entity.js';
import { inBurnDownOrder } from './burn-down.js';
import { PastBalances } from './past-balances.js';
import type { Question } from './question.js';

/** eligible: may pay. pending: not yet. expired: no longer. used_up: nothing remains; a refund may fill it again. */
export const LOT_STATUSES = ['eligible', 'pending', 'expired', 'used_up'] as const;
export type LotStatus = (typeof LOT_STATUSES)[number];

export interface ListedLot extends LotBalance {
  readonly status: LotStatus;
  /** When it pays, counted from 1 among those that may; null where it may not. */
  readonly burnDownPlace: number | null;
}

export interface ListedLots {
  readonly accountId: string;
  readonly at: Instant;
  readonly lots: readonly ListedLot[];
}

/** Which lots has an account, in burn-down order, those used up included? */
export class GetLots extends Query<ListedLots> {
  constructor(readonly question: Question) {
    super();
  }
}

@QueryHandler(GetLots)
export class GetLotsHandler implements IQueryHandler<GetLots> {
  constructor(
    private readonly balances: AskedBalances,
    private readonly past: PastBalances,
    private readonly dataSource: DataSource,
  ) {}

  async execute({ question }: GetLots): Promise<ListedLots> {
    const { accountId, asOf } = question;
    // Says whether the account is there, fresh and not stopped.
    const { at, lots: remaining } = await this.balances.read(question);
    const all = asOf
      ? ((await this.past.read(accountId, asOf))?.lots ?? [])
      : [...remaining, ...(await this.usedUp(accountId, remaining))];
    return { accountId, at, lots: listed(all, at) };
  }

  /** Read after the others: one that came back meanwhile is among them already. */
  private async usedUp(accountId: string, others: readonly LotBalance[]): Promise<LotBalance[]> {
    const known = new Set(others.map(({ lotId }) => lotId));
    const found = await this.dataSource.manager.findBy(lotBalanceEntity, { accountId });
    return found.filter(({ lotId, remaining }) => remaining === 0n && !known.has(lotId));
  }
}

function listed(lots: readonly LotBalance[], at: Instant): ListedLot[] {
  let place = 0;
  return [...lots].sort(inBurnDownOrder).map((lot) => {
    const status = statusOf(lot, at);
    return { ...lot, status, burnDownPlace: status === 'eligible' ? ++place : null };
  });
}

function statusOf({ remaining, effectiveAt, expiresAt }: LotBalance, at: Instant): LotStatus {
  if (remaining === 0n) return 'used_up';
  if (expiresAt !== null && expiresAt <= at) return 'expired';
  return effectiveAt > at ? 'pending' : 'eligible';
}
