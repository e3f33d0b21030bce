import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ChatGateway, chatRequest } from '../completions/index.js';
import { authenticateRequest } from '../http/authentication.guard.js';
import { Authenticator } from '../http/authentication.js';
import { parse } from '../http/validation.js';
import { canonicalRequest } from './canonical-request.js';
import { cannotCount } from './message-tools.js';
import { messagesDialect } from './messages-dialect.js';
import { messagesRequest } from './messages-request.js';
import { threadsRefused } from './threads.js';

/** Anthropic's `POST /v1/messages`, also as OpenRouter's `/api/v1`. */
@Controller(['v1/messages', 'api/v1/messages'])
export class MessagesController {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly gateway: ChatGateway,
  ) {}

  @Post()
  @HttpCode(200)
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() body: unknown): Promise<void> {
    const principal = await authenticateRequest(this.authenticator, request);
    await this.gateway.admit(principal);
    const asked = parse(messagesRequest, body);
    if (asked['thread'] != null) return void reply.code(400).send(threadsRefused(request.id));
    const chat = parse(chatRequest, canonicalRequest(asked));
    await this.gateway.run({ chat, principal, request, reply, dialect: messagesDialect });
  }

  @Post('count_tokens')
  async countTokens(@Req() request: FastifyRequest): Promise<never> {
    await authenticateRequest(this.authenticator, request);
    throw cannotCount();
  }
}
