import { randomUUID } from 'node:crypto';
import { Body, Controller, Delete, HttpCode, Param, Post, UseGuards } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { z } from 'zod';
import { AdministrationGuard } from '../http/administration.guard.js';
import { invalid, parse } from '../http/validation.js';
import { formatCredits, type NanoCredits, parseCredits } from '../kernel/credits.js';
import { isAccountId } from '../kernel/ids.js';
import { type Instant, instantFromText, LIMIT_RESETS } from '../kernel/time.js';
import type { Answer } from './account-writer.js';
import { CommandAccount } from './accounts.handlers.js';
import { problemOf } from './accounts.problems.js';
import { keyIdOfHash, newAccountId, newApiKey } from './api-key-secrets.js';
import type { AccountCommand } from './domain/account.decider.js';
import { GRANT_KINDS, TIERS } from './domain/accounts.events.js';

const DEFAULT_PRIORITY = 50;
const NAME_MAX = 200;

const credits = z.union([z.string(), z.number()]).transform((value, context): NanoCredits => {
  const amount = parseCredits(typeof value === 'number' ? decimalOf(value) : value);
  if (amount !== undefined && amount > 0n) return amount;
  context.addIssue('must be a positive number of credits with at most 9 decimals');
  return z.NEVER;
});
const instant = z.iso.datetime({ offset: true, message: 'must be an ISO 8601 time with a zone' }).transform(instantFromText);

const openAccountBody = z.strictObject({ username: z.string().min(1).max(NAME_MAX), tier: z.enum(TIERS).default('free') });
const grantBody = z.strictObject({
  grant_id: z.string().min(1).max(128),
  amount: credits,
  kind: z.enum(GRANT_KINDS),
  expires_at: instant.nullish(),
  effective_at: instant.nullish(),
  priority: z.number().int().min(0).max(1_000).default(DEFAULT_PRIORITY),
});
const keyBody = z
  .strictObject({
    name: z.string().min(1).max(NAME_MAX),
    limit: credits.nullish(),
    limit_reset: z.enum(LIMIT_RESETS).nullish(),
    expires_at: instant.nullish(),
  })
  .refine((body) => body.limit_reset == null || body.limit != null, { path: ['limit_reset'], message: 'needs a limit to reset' });

/** Administration of accounts: open, grant, issue and revoke keys. */
@Controller('api/v3/admin/accounts')
@UseGuards(AdministrationGuard)
export class AccountsController {
  constructor(private readonly commands: CommandBus) {}

  @Post()
  async open(@Body() body: unknown): Promise<object> {
    const { username, tier } = parse(openAccountBody, body);
    const accountId = newAccountId();
    await this.execute(accountId, { type: 'OpenAccount', accountId, username, tier }, 'open');
    return { user_id: accountId };
  }

  @Post(':user_id/grants')
  async grant(@Param('user_id') accountId: string, @Body() body: unknown): Promise<object> {
    const { grant_id: grantId, amount, kind, priority, expires_at, effective_at } = parse(grantBody, body);
    const times = { ...optional('expiresAt', expires_at), ...optional('effectiveAt', effective_at) };
    const { account } = await this.execute(
      accountId,
      { type: 'GrantCredits', grantId, kind, amount, priority, ...times },
      `grant:${grantId}`,
    );
    const grant = account.grants.get(grantId);
    return {
      grant_id: grantId,
      lot_id: grant?.lotId,
      amount: formatCredits(amount),
      kind,
      priority,
      effective_at: grant?.effectiveAt,
      expires_at: grant?.expiresAt ?? null,
    };
  }

  @Post(':user_id/keys')
  async issueKey(@Param('user_id') accountId: string, @Body() body: unknown): Promise<object> {
    const { name, limit, limit_reset, expires_at } = parse(keyBody, body);
    const { key, keyId, secretHash } = newApiKey(accountId);
    await this.execute(
      accountId,
      {
        type: 'IssueApiKey',
        keyId,
        secretHash,
        name,
        limit: limit ?? undefined,
        limitReset: limit_reset ?? undefined,
        expiresAt: expires_at ?? undefined,
      },
      `issue-key:${keyId}`,
    );
    return { key, hash: secretHash };
  }

  @Delete(':user_id/keys/:hash')
  @HttpCode(200)
  async revokeKey(@Param('user_id') accountId: string, @Param('hash') hash: string): Promise<object> {
    if (!/^[0-9a-f]{64}$/.test(hash)) throw invalid('hash', 'must be the 64 hexadecimal digits of a key hash');
    const keyId = keyIdOfHash(hash);
    await this.execute(accountId, { type: 'RevokeApiKey', keyId }, `revoke-key:${keyId}`);
    return { deleted: true };
  }

  private async execute(accountId: string, command: AccountCommand, commandId: string): Promise<Answer> {
    if (!isAccountId(accountId)) throw problemOf({ reason: 'account_not_found' });
    const cause = {
      commandId: `${accountId}:${commandId}`,
      correlationId: randomUUID(),
      actor: { type: 'administrator', id: 'administrator' },
    } as const;
    const answer = await this.commands.execute(new CommandAccount(accountId, command, cause));
    if (answer.rejection) throw problemOf(answer.rejection);
    return answer;
  }
}

/** A JSON number as the decimal that it was written as; one finer than a nano-credit stays unreadable. */
function decimalOf(value: number): string {
  const decimal = value.toFixed(9);
  return Number(decimal) === value ? decimal : String(value);
}

const optional = <Name extends string>(name: Name, value: Instant | null | undefined): { [N in Name]?: Instant } =>
  (value == null ? {} : { [name]: value }) as { [N in Name]?: Instant };
