import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Patch,
  Post,
  Query,
  Req,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { creditsSchema, instantSchema, plainText, SECRET_BYTES } from '../accounts/index.js';
import { ManagementGuard, principalOf } from '../http/authentication.guard.js';
import type { Principal } from '../http/authentication.js';
import { GatewayClock } from '../http/clock.js';
import { invalid, parse } from '../http/validation.js';
import { bytesOfNamedRequest, IdempotentWrites } from '../idempotency/index.js';
import { ZERO } from '../kernel/credits.js';
import { LIMIT_RESETS } from '../kernel/time.js';
import { keyObject } from './key-object.js';
import { type ManagedKey, ManagedKeys } from './managed-keys.js';
import { ReadSide } from './read-side.js';

const PAGE_MAX = 100;
const NAME_MAX = 200;

const LIMIT = 'must be null or a number of credits from 0 to 1000000000, with at most 9 decimals';
const terms = {
  limit: z.union([z.literal(0).transform(() => ZERO), creditsSchema], LIMIT).nullish(),
  limit_reset: z.enum(LIMIT_RESETS).nullish(),
  /** There are no keys of providers to include: either value means the same. */
  include_byok_in_limit: z.boolean().optional(),
};
/** What OpenRouter has and this does not is passed over, as OpenRouter's clients expect. */
const newKey = z.object({
  name: plainText(NAME_MAX),
  ...terms,
  expires_at: z.iso.datetime('must be an ISO 8601 time in UTC, with the suffix Z').pipe(instantSchema).nullish(),
  creator_user_id: z.string().nullish(),
  workspace_id: z.string().nullish(),
});
const changes = z.object({ name: plainText(NAME_MAX).optional(), disabled: z.boolean().optional(), ...terms });
const page = z.object({
  include_disabled: z.enum(['true', 'false', '1', '0'], 'must be true or false').optional(),
  offset: z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number from 0')
    .default('0'),
  workspace_id: z.string().optional(),
});

/** Keys of an account, managed by one of its own. */
@Controller(['v1/keys', 'api/v1/keys'])
@UseGuards(ManagementGuard)
@UseInterceptors(IdempotentWrites)
export class KeysController {
  constructor(
    private readonly keys: ManagedKeys,
    private readonly readSide: ReadSide,
    private readonly clock: GatewayClock,
  ) {}

  @Get()
  async list(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    const principal = principalOf(request);
    const asked = parse(page, query);
    mustBeOwn('workspace_id', asked.workspace_id, principal);
    const all = asked.include_disabled === 'true' || asked.include_disabled === '1';
    const { keys, position } = await this.keys.list(principal);
    const at = this.clock.now();
    const usage = await this.readSide.usageByKey(principal, position, at);
    const from = Number(asked.offset);
    const shown = keys.filter((key) => all || !key.disabled).slice(from, from + PAGE_MAX);
    return { data: shown.map((key) => keyObject(key, usage(key.keyId), principal.accountId, at)) };
  }

  /** Answers 201 with the key in clear, for the only time, and without the read side: whatever that does, the key is told. */
  @Post()
  async create(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const principal = principalOf(request);
    const { name, limit, limit_reset, expires_at, creator_user_id, workspace_id } = parse(newKey, body);
    mustBeOwn('creator_user_id', creator_user_id, principal);
    mustBeOwn('workspace_id', workspace_id, principal);
    if (limit_reset != null && limit == null) throw invalid('limit_reset', 'needs a limit to reset');
    const { key, secret } = await this.keys.issue(
      principal,
      { name, limit: limit ?? undefined, limitReset: limit_reset ?? undefined, expiresAt: expires_at ?? undefined },
      bytesOfNamedRequest(request, 'api key', SECRET_BYTES),
    );
    const unused = { total: 0n, daily: 0n, weekly: 0n, monthly: 0n };
    return { data: keyObject(key, unused, principal.accountId, this.clock.now()), key: secret };
  }

  @Get(':hash')
  async show(@Req() request: FastifyRequest, @Param('hash') hash: string): Promise<object> {
    const principal = principalOf(request);
    return this.shown(principal, await this.keys.one(principal, hash));
  }

  @Patch(':hash')
  async change(@Req() request: FastifyRequest, @Param('hash') hash: string, @Body() body: unknown): Promise<object> {
    const principal = principalOf(request);
    const { name, limit, limit_reset: limitReset, disabled } = parse(changes, body);
    return this.shown(principal, await this.keys.change(principal, hash, { name, limit, limitReset, disabled }));
  }

  @Delete(':hash')
  @HttpCode(200)
  async delete(@Req() request: FastifyRequest, @Param('hash') hash: string): Promise<object> {
    await this.keys.revoke(principalOf(request), hash);
    return { deleted: true };
  }

  private async shown(principal: Principal, { key, position }: ManagedKey): Promise<object> {
    const at = this.clock.now();
    const usage = await this.readSide.usageByKey(principal, position, at);
    return { data: keyObject(key, usage(key.keyId), principal.accountId, at) };
  }
}

/** An account is one user and one workspace. */
function mustBeOwn(param: string, id: string | null | undefined, { accountId }: Principal): void {
  if (id != null && id !== accountId) throw invalid(param, 'must be that of the account of this key');
}
