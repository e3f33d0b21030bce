import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../http/authentication.js';
import type { AnswerDialect } from './answers/answer-dialect.js';
import type { ChatRequest } from './chat-request.js';

/** One request for a completion, authenticated and checked, and where its answer goes. */
export interface AskedChat {
  readonly chat: ChatRequest;
  readonly dialect: AnswerDialect;
  readonly principal: Principal;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}
