import { Controller, Get, Query, Req, UseGuards } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import { AdministrationGuard } from '../../src/http/administration.guard.js';
import { AuthenticationGuard, principalOf } from '../../src/http/authentication.guard.js';
import { KnownAccounts } from './known-accounts.js';
import { exactAmount, numericAmount, usageAnswer } from './usage-answer.js';
import { GetUsageFigures } from './usage-figures.query.js';
import { UsageMoments } from './usage-moments.js';
import { DIMENSIONS, usageQuestionOf } from './usage-question.js';

/** What was used, for the administration: of one account or of all. */
@Controller('api/v3/admin/usage')
@UseGuards(AdministrationGuard)
export class AdministrationUsageController {
  constructor(
    private readonly queries: QueryBus,
    private readonly moments: UsageMoments,
    private readonly accounts: KnownAccounts,
  ) {}

  @Get()
  async usage(@Query() query: unknown): Promise<object> {
    const { question, minPosition } = usageQuestionOf(query, this.moments.now());
    if (question.accountId !== undefined) await this.accounts.mustExist(question.accountId, 'account_id');
    const position = await this.moments.positionFor(minPosition, question.asOf);
    return usageAnswer(question, await this.queries.execute(new GetUsageFigures(question, position)), position, exactAmount);
  }
}

/** What a customer's own key used; with a management key, what the account used. */
@Controller('api/v3/auth/usage')
@UseGuards(AuthenticationGuard)
export class OwnUsageController {
  constructor(
    private readonly queries: QueryBus,
    private readonly moments: UsageMoments,
  ) {}

  @Get()
  async usage(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    const { accountId, keyId, kind, position: known } = principalOf(request);
    const managesAccount = kind === 'management';
    const { question, minPosition } = usageQuestionOf(
      query,
      this.moments.now(),
      DIMENSIONS.filter((dimension) => dimension !== 'account'),
      ['account_id', ...(managesAccount ? [] : (['key'] as const))],
    );
    const own = { ...question, accountId, keyId: managesAccount ? question.keyId : keyId };
    const asked = minPosition > known ? minPosition : known;
    const position = question.asOf ? await this.moments.positionFor(asked, question.asOf) : asked;
    return usageAnswer(own, await this.queries.execute(new GetUsageFigures(own, position)), position, numericAmount);
  }
}
