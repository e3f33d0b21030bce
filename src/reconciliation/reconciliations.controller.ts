import { Body, Controller, Get, Header, Param, Post, Query, Req, Res, UseGuards, UseInterceptors } from '@nestjs/common';
import { stringify } from 'csv-stringify/sync';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AdministrationGuard } from '../http/administration.guard.js';
import { ApiError } from '../http/api-error.js';
import { textCell } from '../http/csv-cell.js';
import { parse } from '../http/validation.js';
import { IdempotentWrites } from '../idempotency/index.js';
import { DIFFERENCE_CLASSES } from './domain/compare.js';
import { type BadRow, type ReadExport, ROWS_MAX, readCsvExport, readJsonExport } from './export-file.js';
import { ReconcileProvider } from './reconcile-provider.js';
import { LINE_COLUMNS, ReconciliationsTable, type Summary } from './reconciliations-table.js';

const DAYS_MAX = 366;
const DAY_MS = 86_400_000;
const BAD_ROWS_SHOWN = 1_000;
const LIMIT_MAX = 10_000;
/** The last one that a column of the lines' numbers holds. */
const LINE_MAX = 2_147_483_647;
const TOLERANCE_PERCENT = 1;
const BASIS_POINTS = 100;
const CSV = 'text/csv';

const day = z.iso.date('must be a day, yyyy-mm-dd');
const range = {
  provider: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, "must be a provider's id"),
  first_day: day,
  last_day: day,
};
const percent = z.number().min(0).max(100);
/** In a query everything is text; an empty one is no 0. */
const percentText = z
  .string()
  .regex(/^\d{1,3}(\.\d{1,6})?$/, 'must be a number from 0 to 100')
  .transform(Number)
  .pipe(percent);
const csvQuery = z.strictObject({ ...range, tolerance_percent: percentText.default(TOLERANCE_PERCENT) });
const jsonBody = z.strictObject({
  ...range,
  tolerance_percent: percent.default(TOLERANCE_PERCENT),
  rows: z.array(z.unknown()).min(1).max(ROWS_MAX),
});
const listQuery = z.strictObject({
  provider: range.provider.optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});
const linesQuery = z.strictObject({
  class: z.enum(DIFFERENCE_CLASSES).optional(),
  after: z.coerce.number().int().min(-1).max(LINE_MAX).default(-1),
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(1_000),
  format: z.enum(['json', 'csv']).optional(),
});

/** Comparisons with providers' own figures. */
@Controller('api/v3/admin/reconciliations')
@UseGuards(AdministrationGuard)
@UseInterceptors(IdempotentWrites)
export class ReconciliationsController {
  constructor(
    private readonly reconcile: ReconcileProvider,
    private readonly table: ReconciliationsTable,
  ) {}

  /** A CSV file with the range in the query, or JSON with the rows. Where any row is bad, all of them are listed and nothing is imported. */
  @Post()
  async run(@Req() request: FastifyRequest, @Query() query: unknown, @Body() body: unknown): Promise<Summary> {
    const isCsv = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() === CSV;
    const asked = parse(isCsv ? csvQuery : jsonBody, isCsv ? query : body) as z.output<typeof csvQuery>;
    const { provider, first_day: firstDay, last_day: lastDay, tolerance_percent: tolerance } = asked;
    checkRange(firstDay, lastDay);
    const read = isCsv
      ? readCsvExport(String(body), firstDay, lastDay)
      : readJsonExport((asked as z.output<typeof jsonBody>).rows, firstDay, lastDay);
    const toleranceBasisPoints = Math.round(tolerance * BASIS_POINTS);
    return this.reconcile.run({ provider, firstDay, lastDay, toleranceBasisPoints, rows: goodRows(read) });
  }

  /** By first day, the newest first. */
  @Get()
  async list(@Query() query: unknown): Promise<object> {
    const { provider, limit } = parse(listQuery, query);
    return { data: await this.table.list(provider, limit) };
  }

  @Get(':id')
  show(@Param('id') id: string): Promise<Summary> {
    return this.found(id);
  }

  /** The lines that are no match, or those of one class; as JSON, or as CSV where that is asked for. */
  @Get(':id/differences')
  @Header('vary', 'accept')
  async differences(
    @Param('id') id: string,
    @Query() query: unknown,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const { class: asked, after, limit, format } = parse(linesQuery, query);
    await this.found(id);
    const classes = asked === undefined ? DIFFERENCE_CLASSES.filter((each) => each !== 'matched') : [asked];
    const found = await this.table.lines(id, classes, after, limit + 1);
    const page = found.slice(0, limit);
    if (format === 'csv' || (format === undefined && request.headers.accept === CSV)) {
      void reply.type(`${CSV}; charset=utf-8; header=present`);
      void reply.header('content-disposition', `attachment; filename="reconciliation-${id}.csv"`);
      return stringify(
        page.map(({ line }) => ({ ...line, model: textCell(line['model'] ?? '') })),
        { header: true, columns: LINE_COLUMNS, record_delimiter: 'windows' },
      );
    }
    return { data: page.map(({ line }) => line), next: found.length > limit ? (page.at(-1)?.n ?? null) : null };
  }

  private async found(id: string): Promise<Summary> {
    const summary = /^[0-9a-f]{64}$/.test(id) ? await this.table.find(id) : undefined;
    if (!summary) throw new ApiError(404, 'reconciliation_not_found', 'There is no such reconciliation', { param: 'id' });
    return summary;
  }
}

function checkRange(firstDay: string, lastDay: string): void {
  const days = (Date.parse(lastDay) - Date.parse(firstDay)) / DAY_MS + 1;
  if (days >= 1 && days <= DAYS_MAX) return;
  throw new ApiError(400, 'invalid_request', `"last_day": must be first_day or up to ${DAYS_MAX - 1} days later`, {
    param: 'last_day',
    metadata: { error_type: 'invalid_request' },
  });
}

function goodRows({ rows, bad }: ReadExport): ReadExport['rows'] {
  if (bad.length > 0) throw badRows(bad);
  if (rows.length > 0) return rows;
  throw badRows([{ line: 1, field: '', problem: 'there is no row' }]);
}

const badRows = (bad: readonly BadRow[]): ApiError =>
  new ApiError(400, 'bad_rows', `Nothing was imported: ${bad.length} problems, the first one in line ${bad[0]?.line}`, {
    param: 'rows',
    metadata: { error_type: 'invalid_request', problems: bad.length, rows: bad.slice(0, BAD_ROWS_SHOWN) },
  });
