import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { type Instant, instantToText } from '../../src/kernel/time.js';
import type { AsOf } from '../runtime/as-of.js';
import { generationAsOf } from './generation.projection.js';
import { generationEntity } from './usage.entity.js';
import { UsageRowsReader } from './usage-rows.js';
import type { Generation } from './usage-tables.projection.js';

export interface GenerationsQuestion {
  readonly accountId: string;
  /** When it was reserved for; `until` is not included. */
  readonly from: Instant | undefined;
  readonly until: Instant | undefined;
  readonly model: string | undefined;
  readonly keyId: string | undefined;
  /** Only those made before this one. */
  readonly before: { readonly at: Instant; readonly position: bigint } | undefined;
  readonly limit: number;
  readonly asOf: AsOf | undefined;
}

/** The generations of an account, the newest first, at least as fresh as `position`. */
export class GetGenerations extends Query<readonly Generation[]> {
  constructor(
    readonly question: GenerationsQuestion,
    readonly position: bigint,
  ) {
    super();
  }
}

/**
 * As of a moment: the rows say where each thing happened, so that what was not there yet is left out. Within an account neither
 * positions nor times go back, so what was reserved for later comes first in the list and is passed over.
 */
@QueryHandler(GetGenerations)
export class GetGenerationsHandler implements IQueryHandler<GetGenerations> {
  constructor(private readonly rows: UsageRowsReader) {}

  async execute({ question, position }: GetGenerations): Promise<readonly Generation[]> {
    const { accountId, from, until, model, keyId, before, limit, asOf } = question;
    const found = await this.rows.readFresh(accountId, position, (manager) => {
      const query = manager
        .createQueryBuilder(generationEntity, 'g')
        .where('g.accountId = :accountId', { accountId })
        .orderBy('g.reservedAt', 'DESC')
        .addOrderBy('g.reservedPosition', 'DESC')
        .limit(limit);
      if (from !== undefined) query.andWhere('g.reservedAt >= :from', { from: instantToText(from) });
      if (until !== undefined) query.andWhere('g.reservedAt < :until', { until: instantToText(until) });
      if (keyId !== undefined) query.andWhere('g.keyId = :keyId', { keyId });
      if (before) {
        const last = { beforeAt: instantToText(before.at), beforePosition: before.position.toString() };
        query.andWhere('(g.reservedAt, g.reservedPosition) < (:beforeAt::timestamptz, :beforePosition::bigint)', last);
      }
      if (asOf) query.andWhere(wasThere('g.reserved', asOf), momentOf(asOf));
      if (model !== undefined && !asOf) query.andWhere('g.model = :model', { model });
      if (model !== undefined && asOf)
        query.andWhere(`CASE WHEN ${wasThere('g.charged', asOf)} THEN g.model ELSE g.quotedModel END = :model`, { model });
      return query.getMany();
    });
    return asOf ? found.flatMap((generation) => generationAsOf(generation, wasThereAt(asOf)) ?? []) : found;
  }
}

const wasThere = (what: string, asOf: AsOf): string => ('at' in asOf ? `${what}At <= :moment` : `${what}Position <= :moment`);
const momentOf = (asOf: AsOf) => ({ moment: 'at' in asOf ? instantToText(asOf.at) : asOf.position.toString() });

/** Whether something had happened at a moment. */
export const wasThereAt =
  (asOf: AsOf) =>
  ({ at, position }: { at: number; position: bigint }): boolean =>
    'at' in asOf ? at <= asOf.at : position <= asOf.position;
