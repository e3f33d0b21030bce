import { Controller, Get, Query, UseGuards } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { z } from 'zod';
import { DISPUTE_STATES } from '../../src/disputes/domain/disputes.events.js';
import { AdministrationGuard } from '../../src/http/administration.guard.js';
import { parse } from '../../src/http/validation.js';
import { isAccountId } from '../../src/kernel/ids.js';
import { instantFromText, instantToText } from '../../src/kernel/time.js';
import { minPositionOf } from '../runtime/min-position.js';
import type { DisputeRow } from './disputes.projection.js';
import { ListDisputes } from './disputes.query.js';

const LIMIT_MAX = 1_000;

const listQuery = z.strictObject({
  state: z.enum(DISPUTE_STATES).optional(),
  account_id: z.string().refine(isAccountId, 'must be the id of an account').optional(),
  respond_by_before: z.iso.datetime({ offset: true, message: 'must be an ISO 8601 time with a zone' }).optional(),
  after: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,100}$/, 'must be the id of a dispute')
    .optional(),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, `must be between 1 and ${LIMIT_MAX}`)
    .transform(Number)
    .refine((value) => value <= LIMIT_MAX, `must be between 1 and ${LIMIT_MAX}`)
    .default(100),
  min_position: z.string().optional(),
});

/** The disputes there are, for administrators. */
@Controller('api/v3/admin/disputes')
@UseGuards(AdministrationGuard)
export class DisputeListController {
  constructor(private readonly queries: QueryBus) {}

  @Get()
  async list(@Query() query: unknown): Promise<object> {
    const asked = parse(listQuery, query);
    const before = asked.respond_by_before;
    const rows = await this.queries.execute(
      new ListDisputes({
        state: asked.state,
        accountId: asked.account_id,
        respondByBefore: before === undefined ? undefined : instantFromText(before),
        after: asked.after,
        limit: asked.limit,
        position: minPositionOf(asked.min_position),
      }),
    );
    return { data: rows.map(rowToJson), next_after: rows.length === asked.limit ? rows.at(-1)?.disputeId : null };
  }
}

const rowToJson = (row: DisputeRow): object => ({
  dispute_id: row.disputeId,
  account_id: row.accountId,
  kind: row.kind,
  state: row.state,
  round: row.round,
  respond_by: instantToText(row.respondBy),
  opened_at: instantToText(row.openedAt),
  decided_at: row.decidedAt === null ? null : instantToText(row.decidedAt),
  carried_out: row.carriedOut,
  evidence_pending: row.evidencePending,
  position: row.position.toString(),
});
