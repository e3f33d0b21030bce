import { Controller, Get, Query, Req, UseGuards } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import { AuthenticationGuard } from '../../src/http/authentication.guard.js';
import { type CreditBalance, GetCreditBalance } from './credit-balance.query.js';
import { type Asked, questionOf } from './question.js';

@Controller('api/v3/auth/credit-balance')
@UseGuards(AuthenticationGuard)
export class CreditBalanceController {
  constructor(private readonly queries: QueryBus) {}

  /** What the account of the presented key has, has had and is about to lose. */
  @Get()
  creditBalance(@Req() request: FastifyRequest, @Query() query: Asked): Promise<CreditBalance> {
    return this.queries.execute(new GetCreditBalance(questionOf(request, query)));
  }
}
