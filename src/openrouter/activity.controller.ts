import { Controller, Get, Query, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ManagementGuard, principalOf } from '../http/authentication.guard.js';
import type { Principal } from '../http/authentication.js';
import { GatewayClock } from '../http/clock.js';
import { invalid, parse } from '../http/validation.js';
import { creditsAsNumber } from '../kernel/credits.js';
import { type Instant, instantToText } from '../kernel/time.js';
import { providerName, providerTag } from '../models/index.js';
import { ManagedKeys } from './managed-keys.js';
import { notFound } from './problems.js';
import { type Activity, ReadSide } from './read-side.js';

const DAYS = 30;
const DAY_MS = 86_400_000;

const asked = z.object({
  date: z.iso.date('must be a day as yyyy-mm-dd').optional(),
  api_key_hash: z.string().optional(),
  user_id: z.string().optional(),
  workspace_id: z.string().optional(),
  group_by: z.literal('workspace').optional(),
});

@Controller(['v1', 'api/v1'])
@UseGuards(ManagementGuard)
export class ActivityController {
  constructor(
    private readonly readSide: ReadSide,
    private readonly keys: ManagedKeys,
    private readonly clock: GatewayClock,
  ) {}

  /** What the account used in each of the last 30 completed days of UTC, by model and provider. */
  @Get('activity')
  async activity(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    const { date, api_key_hash: hash, user_id: userId, workspace_id: workspaceId, group_by: groupBy } = parse(asked, query);
    const principal = principalOf(request);
    mustBeOwn('user_id', userId, principal);
    mustBeOwn('workspace_id', workspaceId, principal);
    const now = this.clock.now();
    const [first, last] = [dayOf(now - DAYS * DAY_MS), dayOf(now - DAY_MS)];
    if (date !== undefined && (date < first || date > last)) {
      throw invalid('date', `must be one of the last ${DAYS} completed days of UTC`);
    }
    const { position, key } = await this.keys.now(principal, hash);
    const rows = await this.readSide.activity(principal, position, date ?? first, date ?? last, key?.keyId);
    return { data: rows.map((row) => activityObject(row, groupBy && principal.accountId)) };
  }
}

/** An account is one user and one workspace: whatever else is named is somebody else's, or nobody's. */
function mustBeOwn(param: string, id: string | undefined, { accountId }: Principal): void {
  if (id !== undefined && id !== accountId) throw notFound('not_found', `There is no such ${param}`);
}

const activityObject = (row: Activity, workspaceId: string | undefined) => ({
  date: row.day,
  model: row.model,
  model_permaslug: row.model,
  endpoint_id: `${providerTag(row.provider)}/${row.model}`,
  provider_name: providerName(row.provider),
  usage: creditsAsNumber(row.cost),
  byok_usage_inference: 0,
  requests: Number(row.requests),
  prompt_tokens: Number(row.promptTokens),
  completion_tokens: Number(row.completionTokens),
  reasoning_tokens: Number(row.reasoningTokens),
  ...(workspaceId === undefined ? {} : { workspace_id: workspaceId }),
});

const dayOf = (at: Instant): string => instantToText(at).slice(0, 'yyyy-mm-dd'.length);
