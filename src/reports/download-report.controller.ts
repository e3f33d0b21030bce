import { Readable } from 'node:stream';
import { Controller, Get, Param, Query, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AdministrationGuard } from '../http/administration.guard.js';
import { ApiError } from '../http/api-error.js';
import { rangeOf } from './files/byte-range.js';
import { CONTENT_TYPES, FORMATS, fileName } from './files/formats.js';
import { StoredFiles } from './files/stored-files.js';
import { formatUnknown, runNotDone, runNotFound } from './reports.problems.js';
import { RunsTable } from './runs-table.js';

const isFormat = z.enum(FORMATS);

/** Hands out the files of a finished run, from the database to the client piece by piece. Also answers HEAD. */
@Controller('api/v3/admin/reports')
@UseGuards(AdministrationGuard)
export class DownloadReportController {
  constructor(
    private readonly runs: RunsTable,
    private readonly files: StoredFiles,
  ) {}

  @Get(':run_id/download')
  async download(
    @Param('run_id') id: string,
    @Query('format') asked: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { data: format } = isFormat.safeParse(asked);
    if (!format) throw formatUnknown();
    const run = await this.runs.find(id);
    if (!run) throw runNotFound();
    const file = await this.files.find(id, format);
    if (!file) throw runNotDone(run.state);
    const tag = `"${file.sha256.toString('hex')}"`;
    const digest = file.sha256.toString('base64');
    void reply.headers({
      etag: tag,
      'cache-control': 'private, no-cache',
      'accept-ranges': 'bytes',
      digest: `sha-256=${digest}`,
      'repr-digest': `sha-256=:${digest}:`,
      'x-content-type-options': 'nosniff',
    });
    if (isKnown(request.headers['if-none-match'], tag)) return void reply.status(304).send();
    const ifRange = request.headers['if-range'];
    const isSame = ifRange === undefined || ifRange === tag;
    const range = isSame && request.method === 'GET' ? rangeOf(request.headers.range, file.bytes) : undefined;
    if (range === 'unsatisfiable') {
      throw new ApiError(416, 'range_not_satisfiable', `The file has ${file.bytes} bytes`, {
        headers: { 'content-range': `bytes */${file.bytes}` },
      });
    }
    const { from, until } = range ?? { from: 0n, until: file.bytes };
    void reply.status(range ? 206 : 200).headers({
      'content-type': CONTENT_TYPES[format],
      'content-disposition': `attachment; filename="${fileName(run.report, run.period, run.accountId, format)}"`,
      'content-length': (until - from).toString(),
      ...(range && { 'content-range': `bytes ${from}-${until - 1n}/${file.bytes}` }),
    });
    // Fastify drops the body of a HEAD: it need not be read for that.
    void reply.send(request.method === 'HEAD' ? Readable.from([]) : this.files.read(id, format, from, until));
  }
}

const isKnown = (header: string | undefined, tag: string): boolean =>
  (header ?? '').split(',').some((known) => ['*', tag].includes(known.trim().replace(/^W\//, '')));
