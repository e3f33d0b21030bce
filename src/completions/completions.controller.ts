import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { authenticateRequest } from '../http/authentication.guard.js';
import { Authenticator } from '../http/authentication.js';
import { RateLimits } from '../http/rate-limit.js';
import { parse } from '../http/validation.js';
import { idempotencyKeyOf } from '../idempotency/index.js';
import { chatRequest } from './chat-request.js';
import { NamedChat } from './named-chat.js';
import { UnnamedChat } from './unnamed-chat.js';

/** `POST /v1/chat/completions`, also as OpenRouter's `/api/v1`. */
@Controller()
export class CompletionsController {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly rateLimits: RateLimits,
    private readonly named: NamedChat,
    private readonly unnamed: UnnamedChat,
  ) {}

  @Post(['v1/chat/completions', 'api/v1/chat/completions'])
  @HttpCode(200)
  async complete(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() body: unknown): Promise<void> {
    const principal = await authenticateRequest(this.authenticator, request);
    await this.rateLimits.consume(principal);
    const key = idempotencyKeyOf(request);
    const chat = parse(chatRequest, body);
    const asked = { chat, principal, request, reply };
    if (key === undefined) await this.unnamed.run(asked);
    else await this.named.run(asked, key);
  }
}
