import { Controller, Get, Query, Req, UseGuards } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import { AuthenticationGuard } from '../../src/http/authentication.guard.js';
import { parse } from '../../src/http/validation.js';
import { creditsAsNumber } from '../../src/kernel/credits.js';
import { askedLots, lotStatusOf, lotsShown } from './lots.answer.js';
import { GetLots } from './lots.query.js';
import { questionOf } from './question.js';

@Controller('api/v3/auth/lots')
@UseGuards(AuthenticationGuard)
export class LotsController {
  constructor(private readonly queries: QueryBus) {}

  /** The lots of the presented key's account, in burn-down order. */
  @Get()
  async lots(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    const { status, ...asked } = parse(askedLots, query);
    const lots = await this.queries.execute(new GetLots(questionOf(request, asked)));
    return lotsShown(lots, lotStatusOf(status), creditsAsNumber);
  }
}
