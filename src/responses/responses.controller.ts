import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ChatGateway, chatRequest } from '../completions/index.js';
import { authenticateRequest } from '../http/authentication.guard.js';
import { Authenticator } from '../http/authentication.js';
import { parse } from '../http/validation.js';
import { canonicalRequest } from './canonical-request.js';
import { responsesDialect } from './responses-dialect.js';
import { responsesRequest } from './responses-request.js';

/** OpenAI's `POST /v1/responses`, without its store; also as OpenRouter's `/api/v1`. */
@Controller()
export class ResponsesController {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly gateway: ChatGateway,
  ) {}

  @Post(['v1/responses', 'api/v1/responses'])
  @HttpCode(200)
  async create(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() body: unknown): Promise<void> {
    const principal = await authenticateRequest(this.authenticator, request);
    await this.gateway.admit(principal);
    const asked = parse(responsesRequest, body);
    const chat = parse(chatRequest, canonicalRequest(asked));
    await this.gateway.run({ chat, principal, request, reply, dialect: responsesDialect(asked) });
  }
}
