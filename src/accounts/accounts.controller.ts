import { Body, Get, Param, Patch, Post, Req } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { parse } from '../http/validation.js';
import { bytesOfNamedRequest } from '../idempotency/index.js';
import type { Instant } from '../kernel/time.js';
import { ShowAccount } from './account.query.js';
import { Administration, AdministrationOfAccounts, accountOf } from './administration.js';
import { credits, creditsOf, instant, opaqueId, plainText } from './administration-bodies.js';
import { ACCOUNT_ID_BYTES, newAccountId } from './api-key-secrets.js';
import { GRANT_KINDS, TIERS } from './domain/accounts.events.js';
import { DEFAULT_PRIORITY } from './domain/grant-credits.js';
import { WelcomeCredits } from './welcome-credits.js';

const USERNAME_MAX = 200;
const GRANT_ID_MAX = 128;
/** Grants that a refund makes by itself are named so. */
const RESERVED_GRANT_ID = /^refund:/;

const openAccountBody = z.strictObject({ username: plainText(USERNAME_MAX), tier: z.enum(TIERS).default('free') });
const tierBody = z.strictObject({ tier: z.enum(TIERS) });
const grantBody = z
  .strictObject({
    grant_id: plainText(GRANT_ID_MAX).refine((id) => !RESERVED_GRANT_ID.test(id), 'must not begin with "refund:"'),
    amount: credits,
    kind: z.enum(GRANT_KINDS),
    expires_at: instant.nullish(),
    effective_at: instant.nullish(),
    priority: z.number().int().min(0).max(1_000).default(DEFAULT_PRIORITY),
    payment_id: opaqueId.optional(),
  })
  .refine((body) => body.payment_id === undefined || body.kind === 'top_up', {
    path: ['payment_id'],
    message: 'goes only with the kind "top_up"',
  });

/** Administration of accounts: open, show, move to another tier, grant credits. */
@AdministrationOfAccounts()
export class AccountsController {
  constructor(
    private readonly administration: Administration,
    private readonly queries: QueryBus,
    private readonly welcomeCredits: WelcomeCredits,
  ) {}

  @Post()
  async open(@Body() body: unknown, @Req() request: FastifyRequest): Promise<object> {
    const { username, tier } = parse(openAccountBody, body);
    const accountId = newAccountId(bytesOfNamedRequest(request, 'account', ACCOUNT_ID_BYTES));
    const welcomeCredits = this.welcomeCredits.byTier[tier];
    const { position } = await this.administration.once(
      accountId,
      { type: 'OpenAccount', accountId, username, tier, ...(welcomeCredits === undefined ? {} : { welcomeCredits }) },
      'open',
      'AccountOpened',
      () => true,
    );
    return { user_id: accountId, position };
  }

  @Get(':user_id')
  show(@Param('user_id') userId: string): Promise<object> {
    return this.queries.execute(new ShowAccount(accountOf(userId)));
  }

  @Patch(':user_id')
  async changeTier(@Param('user_id') accountId: string, @Body() body: unknown): Promise<object> {
    const { tier } = parse(tierBody, body);
    const { position } = await this.administration.change(accountId, { type: 'ChangeTier', tier }, 'change-tier');
    return { user_id: accountId, tier, position: position.toString() };
  }

  @Post(':user_id/grants')
  async grant(@Param('user_id') accountId: string, @Body() body: unknown): Promise<object> {
    const { grant_id: grantId, amount, kind, priority, ...given } = parse(grantBody, body);
    const { fact, position } = await this.administration.once(
      accountId,
      {
        type: 'GrantCredits',
        grantId,
        kind,
        amount,
        priority,
        ...optional('expiresAt', given.expires_at),
        ...optional('effectiveAt', given.effective_at),
        ...(given.payment_id === undefined ? {} : { paymentId: given.payment_id }),
      },
      `grant:${grantId}`,
      'CreditsGranted',
      (granted) => granted.grantId === grantId,
    );
    return {
      grant_id: grantId,
      lot_id: fact.lotId,
      amount: creditsOf(fact.amount),
      kind,
      priority,
      effective_at: fact.effectiveAt,
      expires_at: fact.expiresAt ?? null,
      ...(fact.paymentId === undefined ? {} : { payment_id: fact.paymentId }),
      position,
    };
  }
}

const optional = <Name extends string>(name: Name, value: Instant | null | undefined): { [N in Name]?: Instant } =>
  (value == null ? {} : { [name]: value }) as { [N in Name]?: Instant };
