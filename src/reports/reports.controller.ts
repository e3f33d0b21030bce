import { Body, Controller, Get, HttpCode, Param, Post, Query, UseGuards, UseInterceptors } from '@nestjs/common';
import { z } from 'zod';
import { AdministrationGuard } from '../http/administration.guard.js';
import { invalid, isStorable, parse } from '../http/validation.js';
import { IdempotentWrites } from '../idempotency/index.js';
import { ReportCatalogue } from './report-catalogue.js';
import { problemOf, runNotFailed, runNotFound } from './reports.problems.js';
import { RequestReport } from './request-report.js';
import { runAnswer, wholeRunAnswer } from './run-answer.js';
import { RUN_STATES, RunsTable } from './runs-table.js';

const LIMIT = 50;
const LIMIT_MAX = 500;
const NAME_MAX = 100;

const name = z.string().min(1).max(NAME_MAX).refine(isStorable, 'has characters that no name has');
const reportBody = z.strictObject({
  report: name,
  period: name,
  account_id: name.optional(),
  allow_open: z.boolean().default(false),
});
const listed = z.strictObject({
  report: name.optional(),
  state: z.enum(RUN_STATES).optional(),
  period: name.optional(),
  cursor: z.string().max(NAME_MAX).optional(),
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT),
});

/** Reports are asked for, looked at and asked for again. */
@Controller('api/v3/admin/reports')
@UseGuards(AdministrationGuard)
@UseInterceptors(IdempotentWrites)
export class ReportsController {
  constructor(
    private readonly reports: RequestReport,
    private readonly runs: RunsTable,
    private readonly catalogue: ReportCatalogue,
  ) {}

  @Post()
  @HttpCode(202)
  async request(@Body() body: unknown): Promise<object> {
    const { report, period, account_id: accountId, allow_open: allowOpen } = parse(reportBody, body);
    const made = await this.reports.request({ report, period, accountId, allowOpen });
    if ('reason' in made) throw problemOf(made);
    return runAnswer(made);
  }

  @Get()
  async list(@Query() query: unknown): Promise<object> {
    const { cursor, limit, report, state, period } = parse(listed, query);
    const before = cursor === undefined ? undefined : numberOf(cursor);
    const runs = await this.runs.list({ report, state, period, before }, limit + 1);
    const page = runs.slice(0, limit);
    const last = page.at(-1);
    return { data: page.map(runAnswer), next_cursor: runs.length > limit && last ? cursorOf(last.number) : null };
  }

  @Get('catalogue')
  describe(): object {
    return {
      data: this.catalogue.list().map(({ name, title, covers, byAccount, columns }) => ({
        name,
        title,
        covers,
        by_account: byAccount,
        columns: columns.map(({ name, type, total, nullable = false }) => ({ name, type, total: total ?? null, nullable })),
      })),
    };
  }

  @Get(':run_id')
  async read(@Param('run_id') id: string): Promise<object> {
    const run = await this.runs.find(id);
    if (!run) throw runNotFound();
    return wholeRunAnswer(run);
  }

  @Post(':run_id/rerun')
  @HttpCode(202)
  async rerun(@Param('run_id') id: string): Promise<object> {
    if (!(await this.runs.find(id))) throw runNotFound();
    if (!(await this.reports.rerun(id))) throw runNotFailed();
    return this.read(id);
  }
}

/** Where the next page begins, opaque to who asks. */
const cursorOf = (number: bigint): string => Buffer.from(`n${number}`).toString('base64url');

function numberOf(cursor: string): bigint {
  const number = /^n(\d{1,18})$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1];
  if (number === undefined) throw invalid('cursor', 'is not a next_cursor of this list');
  return BigInt(number);
}
