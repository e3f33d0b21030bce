import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { authenticateRequest } from '../http/authentication.guard.js';
import { Authenticator } from '../http/authentication.js';
import { RateLimits } from '../http/rate-limit.js';
import { parse } from '../http/validation.js';
import { chatRequest } from './chat-request.js';
import { ChatCompletion } from './complete-chat.js';
import { GenerationStart } from './start-generation.js';
import { ChatStreaming } from './stream-chat.js';

/** `POST /v1/chat/completions`, also as OpenRouter's `/api/v1`. */
@Controller()
export class CompletionsController {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly rateLimits: RateLimits,
    private readonly generations: GenerationStart,
    private readonly completion: ChatCompletion,
    private readonly streaming: ChatStreaming,
  ) {}

  @Post(['v1/chat/completions', 'api/v1/chat/completions'])
  @HttpCode(200)
  async complete(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() body: unknown): Promise<void> {
    const principal = await authenticateRequest(this.authenticator, request);
    await this.rateLimits.consume(principal);
    const chat = parse(chatRequest, body);
    const generation = await this.generations.start(chat, principal);
    if (chat.stream === true) {
      await this.streaming.run(generation, reply);
    } else {
      const answer = await this.completion.run(generation);
      void reply.header('x-generation-id', generation.id).send(answer);
    }
  }
}
