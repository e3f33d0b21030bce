import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { DataSource } from 'typeorm';
import type { DisputeState } from '../../src/disputes/domain/disputes.events.js';
import type { Instant } from '../../src/kernel/time.js';
import { freshEnough, projectionBehind } from '../runtime/fresh-enough.js';
import { Freshness } from '../runtime/freshness.js';
import { disputeEntity } from './disputes.entity.js';
import { type DisputeRow, disputes } from './disputes.projection.js';

const FRESH_TIMEOUT_MS = 2_000;

export interface DisputesAsked {
  readonly state: DisputeState | undefined;
  readonly accountId: string | undefined;
  /** Those that have to be answered before this moment. */
  readonly respondByBefore: Instant | undefined;
  /** The last dispute of the page before. */
  readonly after: string | undefined;
  readonly limit: number;
  /** Commit position of the store that the rows must have reached. */
  readonly position: bigint;
}

/** Which disputes, in the order of their ids? Throws 503 where the rows are not as fresh as asked in time. */
export class ListDisputes extends Query<readonly DisputeRow[]> {
  constructor(readonly asked: DisputesAsked) {
    super();
  }
}

@QueryHandler(ListDisputes)
export class ListDisputesHandler implements IQueryHandler<ListDisputes> {
  constructor(
    private readonly dataSource: DataSource,
    private readonly freshness: Freshness,
  ) {}

  async execute({ asked }: ListDisputes): Promise<readonly DisputeRow[]> {
    const { state, accountId, respondByBefore, after, limit, position } = asked;
    await freshEnough(this.freshness, disputes, position, FRESH_TIMEOUT_MS, () => projectionBehind('The disputes are'));
    const query = this.dataSource.manager
      .createQueryBuilder(disputeEntity, 'dispute')
      .orderBy('dispute.disputeId', 'ASC')
      .limit(limit);
    if (state !== undefined) query.andWhere('dispute.state = :state', { state });
    if (accountId !== undefined) query.andWhere('dispute.account_id = :accountId', { accountId });
    if (respondByBefore !== undefined)
      query.andWhere('dispute.respond_by < :before', { before: new Date(respondByBefore).toISOString() });
    if (after !== undefined) query.andWhere('dispute.dispute_id > :after', { after });
    return query.getMany();
  }
}
