import { Injectable } from '@nestjs/common';
import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import { ApiError } from './api-error.js';
import type { Principal } from './authentication.js';

/** The limiters by tier, counting per account; a tier that is absent has no limit. */
@Injectable()
export class RateLimits {
  constructor(private readonly byTier: ReadonlyMap<string, RateLimiterAbstract>) {}

  /** Counts a request of an account; throws the 429 with `Retry-After` where its tier allows no more in this minute. */
  async consume({ accountId, tier }: Principal): Promise<void> {
    const limiter = this.byTier.get(tier);
    if (!limiter) return;
    try {
      await limiter.consume(accountId);
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      const seconds = Math.max(1, Math.ceil(refused.msBeforeNext / 1000));
      throw new ApiError(
        429,
        'rate_limit_exceeded',
        `Rate limit exceeded: ${limiter.points} requests per minute for the ${tier} tier`,
        {
          retryAfterSeconds: seconds,
          metadata: { error_type: 'rate_limit_exceeded' },
        },
      );
    }
  }
}
