import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { authenticateRequest } from '../http/authentication.guard.js';
import { Authenticator } from '../http/authentication.js';
import { parse } from '../http/validation.js';
import { CHAT } from './answers/chat-dialect.js';
import { ChatGateway } from './chat-gateway.js';
import { chatRequest } from './chat-request.js';

/** `POST /v1/chat/completions`, also as OpenRouter's `/api/v1`. */
@Controller()
export class CompletionsController {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly gateway: ChatGateway,
  ) {}

  @Post(['v1/chat/completions', 'api/v1/chat/completions'])
  @HttpCode(200)
  async complete(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() body: unknown): Promise<void> {
    const principal = await authenticateRequest(this.authenticator, request);
    await this.gateway.admit(principal);
    await this.gateway.run({ chat: parse(chatRequest, body), principal, request, reply, dialect: CHAT });
  }
}
