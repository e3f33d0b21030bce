import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AccountWriter, availableTo } from '../accounts/index.js';
import { authenticateRequest } from '../http/authentication.guard.js';
import { Authenticator } from '../http/authentication.js';
import { GatewayClock } from '../http/clock.js';
import { parse } from '../http/validation.js';
import { creditsAsNumber } from '../kernel/credits.js';
import { affordableTokens, attemptBy, worstCost } from './attempt.js';
import { ChatGateway } from './chat-gateway.js';
import { type ChatRequest, chatRequest } from './chat-request.js';
import type { Candidate } from './routing/candidates.js';
import { GenerationStart } from './start-generation.js';

/** `POST /v1/quote`: what a completion with this body would reserve and could cost. Nothing is reserved and nobody is called. */
@Controller()
export class QuoteController {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly gateway: ChatGateway,
    private readonly generations: GenerationStart,
    private readonly accounts: AccountWriter,
    private readonly clock: GatewayClock,
  ) {}

  @Post(['v1/quote', 'api/v1/quote'])
  @HttpCode(200)
  async quote(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const principal = await authenticateRequest(this.authenticator, request);
    await this.gateway.admit(principal);
    const chat = parse(chatRequest, body);
    const [first, ...fallbacks] = this.generations.candidates(chat);
    const at = this.clock.now();
    const { account } = await this.accounts.load(principal.accountId);
    const available = availableTo(account, principal.keyId, at);
    const attempt = attemptBy(first, chat);
    const affordable = affordableTokens(attempt, available, at);
    return {
      data: {
        ...this.costOf(first, chat),
        available: creditsAsNumber(available),
        affordable: worstCost(attempt, at) <= available,
        affordable_completion_tokens: affordable.completionTokensMax,
        fallbacks: fallbacks.map((candidate) => this.costOf(candidate, chat)),
      },
    };
  }

  private costOf(candidate: Candidate, chat: ChatRequest): object {
    const attempt = attemptBy(candidate, chat);
    const { bounds, model, provider, call } = attempt;
    return {
      model: model.id,
      provider: provider.name,
      price_version: model.priceVersion,
      /** Credits: what is set aside, and the most that the call can cost. */
      reserve: creditsAsNumber(worstCost(attempt, this.clock.now())),
      prompt_tokens_max: bounds.promptTokensMax,
      completion_tokens_max: bounds.completionTokensMax,
      /** A longer answer is possible: more is reserved while it is streamed. */
      open_ended: call.outputTokensMax === undefined,
    };
  }
}
