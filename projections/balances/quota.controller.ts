import { Controller, Get, Query, Req, UseGuards } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import { AuthenticationGuard } from '../../src/http/authentication.guard.js';
import { type Asked, questionOf } from './question.js';
import { GetQuota, type Quota } from './quota.query.js';

@Controller('quota')
@UseGuards(AuthenticationGuard)
export class QuotaController {
  constructor(private readonly queries: QueryBus) {}

  /** What the presented key may still spend. */
  @Get()
  quota(@Req() request: FastifyRequest, @Query() query: Asked): Promise<Quota> {
    return this.queries.execute(new GetQuota(questionOf(request, query)));
  }
}
