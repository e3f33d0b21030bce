import { Controller, Get, Query, Req, UseGuards } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import { AuthenticationGuard } from '../../src/http/authentication.guard.js';
import { creditsAsNumber } from '../../src/kernel/credits.js';
import { lotStatusOf, lotsShown } from './lots.answer.js';
import { GetLots } from './lots.query.js';
import { type Asked, questionOf } from './question.js';

@Controller('api/v3/auth/lots')
@UseGuards(AuthenticationGuard)
export class LotsController {
  constructor(private readonly queries: QueryBus) {}

  /** The lots of the presented key's account, in burn-down order. */
  @Get()
  async lots(@Req() request: FastifyRequest, @Query() query: Asked & { status?: string }): Promise<object> {
    const status = lotStatusOf(query.status);
    return lotsShown(await this.queries.execute(new GetLots(questionOf(request, query))), status, creditsAsNumber);
  }
}
