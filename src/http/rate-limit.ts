import { Injectable } from '@nestjs/common';
import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import { ApiError } from './api-error.js';
import type { Principal } from './authentication.js';

/** Limiters by tier; a tier that is absent has no limit. */
export type LimitersByTier = ReadonlyMap<string, RateLimiterAbstract>;

/** How many requests an account, and each of its keys, may make in a minute. */
@Injectable()
export class RateLimits {
  constructor(
    private readonly ofAccounts: LimitersByTier,
    private readonly ofKeys: LimitersByTier = new Map(),
  ) {}

  /** Counts a request; throws the 429 with `Retry-After` where the tier allows the account or the key no more in this minute. */
  async consume({ accountId, keyId, tier }: Principal): Promise<void> {
    await consumed(this.ofKeys.get(tier), `${accountId}:${keyId}`, `for a key of the ${tier} tier`);
    await consumed(this.ofAccounts.get(tier), accountId, `for the ${tier} tier`);
  }
}

async function consumed(limiter: RateLimiterAbstract | undefined, whose: string, ofWhat: string): Promise<void> {
  if (!limiter) return;
  try {
    await limiter.consume(whose);
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused;
    const message = `Rate limit exceeded: ${limiter.points} requests per minute ${ofWhat}`;
    throw new ApiError(429, 'rate_limit_exceeded', message, {
      retryAfterSeconds: Math.max(1, Math.ceil(refused.msBeforeNext / 1000)),
      headers: {
        'x-ratelimit-limit': String(limiter.points),
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': String(Date.now() + refused.msBeforeNext),
      },
      metadata: { error_type: 'rate_limit_exceeded' },
    });
  }
}
