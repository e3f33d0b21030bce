import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ChatGateway, chatRequest } from '../completions/index.js';
import { authenticateRequest } from '../http/authentication.guard.js';
import { Authenticator } from '../http/authentication.js';
import { parse } from '../http/validation.js';
import { canonicalRequest, textRequest } from './canonical-request.js';
import { textDialect } from './text-dialect.js';

/** OpenAI's legacy `POST /v1/completions`, also as OpenRouter's `/api/v1`. */
@Controller()
export class TextCompletionsController {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly gateway: ChatGateway,
  ) {}

  @Post(['v1/completions', 'api/v1/completions'])
  @HttpCode(200)
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() body: unknown): Promise<void> {
    const principal = await authenticateRequest(this.authenticator, request);
    await this.gateway.admit(principal);
    const chat = parse(chatRequest, canonicalRequest(parse(textRequest, body)));
    await this.gateway.run({ chat, principal, request, reply, dialect: textDialect });
  }
}
