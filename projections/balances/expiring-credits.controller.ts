import { Controller, Get, Query, Req, UseGuards } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import { AuthenticationGuard } from '../../src/http/authentication.guard.js';
import { creditsAsNumber } from '../../src/kernel/credits.js';
import { expiringCreditsQuery, expiringCreditsShown } from './expiring-credits.answer.js';
import { type Asked, questionOf } from './question.js';

@Controller('api/v3/auth/expiring-credits')
@UseGuards(AuthenticationGuard)
export class ExpiringCreditsController {
  constructor(private readonly queries: QueryBus) {}

  /** What of the key's account expires within a window, and what of that will expire unused if spending goes on as it did. */
  @Get()
  async expiringCredits(@Req() request: FastifyRequest, @Query() query: Asked): Promise<object> {
    const question = questionOf(request, query);
    return expiringCreditsShown(await this.queries.execute(expiringCreditsQuery(question, query)), creditsAsNumber);
  }
}
