import { randomUUID } from 'node:crypto';
import { Body, Controller, Get, HttpCode, Param, Post, Query, Res, UseGuards, UseInterceptors } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Cause } from '../event-store/envelope.js';
import { AdministrationGuard } from '../http/administration.guard.js';
import { parse } from '../http/validation.js';
import { IdempotentWrites } from '../idempotency/index.js';
import { PriceBook } from '../pricing/index.js';
import { parseApproval, parseProposal, parseRejection, repricingIdOf } from './repricing-bodies.js';
import { differencesToCsv, differencesToJson, repricingToJson } from './repricing-json.js';
import { Repricings } from './repricings.js';

const formatQuery = z.strictObject({ format: z.enum(['json', 'csv']).default('json') });

/** Charged calls are priced anew: proposed with a dry run, approved by somebody else, then compensated. */
@Controller('api/v3/admin/repricings')
@UseGuards(AdministrationGuard)
@UseInterceptors(IdempotentWrites)
export class RepricingsController {
  constructor(
    private readonly repricings: Repricings,
    private readonly prices: PriceBook,
  ) {}

  @Post()
  async propose(@Body() body: unknown): Promise<object> {
    const asked = parseProposal(body, this.prices);
    return repricingToJson(await this.repricings.propose(asked, causeOf(asked.repricingId)));
  }

  @Get(':repricing_id')
  async show(@Param('repricing_id') id: string): Promise<object> {
    return repricingToJson(await this.repricings.show(repricingIdOf(id)));
  }

  @Get(':repricing_id/differences')
  async differences(
    @Param('repricing_id') id: string,
    @Query() query: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | string> {
    const { format } = parse(formatQuery, query);
    const known = await this.repricings.show(repricingIdOf(id));
    if (format === 'json') return differencesToJson(known);
    reply.header('content-type', 'text/csv; charset=utf-8');
    reply.header('content-disposition', `attachment; filename="repricing-${id}.csv"`);
    return differencesToCsv(known);
  }

  @Post(':repricing_id/approve')
  @HttpCode(200)
  async approve(@Param('repricing_id') id: string, @Body() body: unknown): Promise<object> {
    const { approved_by: approvedBy, only_refunds: onlyRefunds } = parseApproval(body);
    return repricingToJson(await this.repricings.approve(repricingIdOf(id), approvedBy, onlyRefunds, causeOf(id)));
  }

  @Post(':repricing_id/reject')
  @HttpCode(200)
  async reject(@Param('repricing_id') id: string, @Body() body: unknown): Promise<object> {
    const { rejected_by: rejectedBy, reason } = parseRejection(body);
    return repricingToJson(await this.repricings.reject(repricingIdOf(id), rejectedBy, reason, causeOf(id)));
  }
}

const causeOf = (repricingId: string): Cause => ({
  commandId: `repricing:${repricingId}`,
  correlationId: randomUUID(),
  actor: { type: 'administrator', id: 'administrator' },
});
