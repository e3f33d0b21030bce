import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { authenticateRequest } from '../../http/authentication.guard.js';
import { Authenticator } from '../../http/authentication.js';
import { statePosition } from '../../http/ledger-position.js';
import { parse } from '../../http/validation.js';
import { ChatGateway } from '../chat-gateway.js';
import { TextEmbedding } from './embed-texts.js';
import { embeddingsRequest } from './embeddings-request.js';

/** `POST /v1/embeddings`, also as OpenRouter's `/api/v1`. */
@Controller()
export class EmbeddingsController {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly gateway: ChatGateway,
    private readonly embedding: TextEmbedding,
  ) {}

  @Post(['v1/embeddings', 'api/v1/embeddings'])
  @HttpCode(200)
  async embed(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Body() body: unknown,
  ): Promise<object> {
    const principal = await authenticateRequest(this.authenticator, request);
    await this.gateway.admit(principal);
    const { answer, position } = await this.embedding.run(parse(embeddingsRequest, body), principal);
    reply.header('x-generation-id', answer.id);
    statePosition(reply, position);
    return answer;
  }
}
