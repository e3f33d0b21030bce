import { Injectable } from '@nestjs/common';
import { requireInference } from '../http/authentication.guard.js';
import type { Principal } from '../http/authentication.js';
import { RateLimits } from '../http/rate-limit.js';
import { idempotencyKeyOf } from '../idempotency/index.js';
import type { AskedChat } from './asked-chat.js';
import { NamedChat } from './repeats/named-chat.js';
import { UnnamedChat } from './repeats/unnamed-chat.js';

/** The one way of a completion, whatever its endpoint calls it: reserve, call, settle, answer in the endpoint's dialect. */
@Injectable()
export class ChatGateway {
  constructor(
    private readonly rateLimits: RateLimits,
    private readonly named: NamedChat,
    private readonly unnamed: UnnamedChat,
  ) {}

  /** Lets a caller in who may make calls, and not too many. Throws ApiError: 403 for a key that cannot, 429 beyond the rate. */
  async admit(principal: Principal): Promise<void> {
    requireInference(principal);
    await this.rateLimits.consume(principal);
  }

  /** Serves an admitted request: the answer is on its reply when this resolves. Throws ApiError while nothing was sent. */
  async run(asked: AskedChat): Promise<void> {
    const key = idempotencyKeyOf(asked.request);
    await (key === undefined ? this.unnamed.run(asked) : this.named.run(asked, key));
  }
}
