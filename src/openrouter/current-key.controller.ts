import { Controller, Get, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AccountWriter, isUsable, problemOf } from '../accounts/index.js';
import { AuthenticationGuard, principalOf } from '../http/authentication.guard.js';
import { GatewayClock } from '../http/clock.js';
import { keyFigures } from './key-object.js';
import { ReadSide } from './read-side.js';

/** Deprecated by OpenRouter, and still required by its client. */
const NO_RATE_LIMIT = { requests: -1, interval: '10s', note: 'This field is deprecated and safe to ignore.' };
/** No variant of a model is free here. */
const NO_FREE_MODELS = { used: 0, limit: 0, remaining: 0 };

@Controller(['v1', 'api/v1'])
@UseGuards(AuthenticationGuard)
export class CurrentKeyController {
  constructor(
    private readonly accounts: AccountWriter,
    private readonly readSide: ReadSide,
    private readonly clock: GatewayClock,
  ) {}

  /** What the presented key is, may do and has used: of what any process has written until now. */
  @Get(['key', 'auth/key'])
  async currentKey(@Req() request: FastifyRequest): Promise<object> {
    const principal = principalOf(request);
    const { accountId, keyId, kind } = principal;
    const { account, position } = await this.accounts.refresh(accountId);
    const key = account.keys.get(keyId);
    const at = Math.max(this.clock.now(), account.lastEventAt);
    if (!key || !isUsable(key, at)) throw problemOf({ reason: 'key_not_usable' });
    const hasBought = [...account.grants.values()].some((grant) => grant.kind === 'top_up');
    const usage = await this.readSide.usageByKey(principal, position, at);
    return {
      data: {
        ...keyFigures(key, usage(keyId), accountId, at),
        is_free_tier: !hasBought,
        is_management_key: kind === 'management',
        is_provisioning_key: kind === 'management',
        creator_user_id: null,
        organization_id: null,
        workspace_id: accountId,
        allowed_data_regions: ['global'],
        free_model_daily_requests: NO_FREE_MODELS,
        rate_limit: NO_RATE_LIMIT,
      },
    };
  }
}
