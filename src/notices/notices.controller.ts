import { Controller, Get, HttpCode, Param, Post, Query, UseGuards, UseInterceptors } from '@nestjs/common';
import { z } from 'zod';
import { AdministrationGuard } from '../http/administration.guard.js';
import { ApiError } from '../http/api-error.js';
import { parse } from '../http/validation.js';
import { IdempotentWrites } from '../idempotency/index.js';
import { JobRequests } from '../jobs/index.js';
import { DELIVER_NOTICE } from './deliver-notice.job.js';
import { NOTICE_KINDS, type Notice } from './notice.js';
import { NoticesTable } from './notices-table.js';

const LIMIT_MAX = 1_000;
const ID = /^ntc_[0-9a-f-]{36}$/;
const listQuery = z.strictObject({
  kind: z.enum(NOTICE_KINDS).optional(),
  state: z.enum(['open', 'cleared']).optional(),
  after: z.string().regex(ID, 'must be the `next` of an earlier answer').optional(),
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(100),
});

/** What was noticed, and whether it has reached anybody. */
@Controller('api/v3/admin/notices')
@UseGuards(AdministrationGuard)
@UseInterceptors(IdempotentWrites)
export class NoticesController {
  constructor(
    private readonly notices: NoticesTable,
    private readonly requests: JobRequests,
  ) {}

  /** The newest first; the next page is behind the last id of this one. */
  @Get()
  async list(@Query() query: unknown): Promise<object> {
    const { kind, state, after, limit } = parse(listQuery, query);
    const open = state === undefined ? undefined : state === 'open';
    const found = await this.notices.list({ kind, open, after }, limit + 1);
    const page = found.slice(0, limit);
    return { data: page.map(shown), next: found.length > limit ? (page.at(-1)?.id ?? null) : null };
  }

  /** Sends a notice at once that waits for its next attempt. */
  @Post(':id/deliver')
  @HttpCode(202)
  async deliver(@Param('id') id: string): Promise<object> {
    const notice = ID.test(id) ? await this.notices.find(id) : undefined;
    if (!notice) throw new ApiError(404, 'notice_not_found', 'There is no such notice', { param: 'id' });
    if (notice.deliveredAt === null) await this.requests.add(DELIVER_NOTICE, `${id}-${notice.attempts}`, { id });
    return shown(notice);
  }
}

const shown = (notice: Notice): object => ({
  id: notice.id,
  type: notice.kind,
  state: notice.clearedAt === null ? 'open' : 'cleared',
  data: notice.data,
  raised_at: notice.raisedAt.toISOString(),
  cleared_at: notice.clearedAt?.toISOString() ?? null,
  delivered_at: notice.deliveredAt?.toISOString() ?? null,
  attempts: notice.attempts,
  last_error: notice.lastError,
});
