import { Injectable } from '@nestjs/common';
import { GatewayClock } from '../http/clock.js';
import type { CompletedChat } from '../providers/index.js';
import { asChoices, generatedText, hasContent, isServed, withoutReasoning } from './answers/answer.js';
import type { AnswerDialect } from './answers/answer-dialect.js';
import { usageBlock } from './answers/usage-block.js';
import { Attempts, Unserved } from './attempts.js';
import { asProblem, logFailure, releaseReason } from './completions.problems.js';
import { chargeFor } from './ends/charge.js';
import { NOTHING, type Outcome, Settlements } from './ends/settlements.js';
import type { Generation } from './generation.js';
import { UsageEstimate } from './tokens/usage-estimate.js';

const OK = 200;

/** An answer as it is sent. */
export interface ChatAnswer {
  readonly generationId: string;
  /** JSON. */
  readonly body: string;
  /** Whether it was served and charged, be it with nothing where the model is free. */
  readonly charged: boolean;
  /** Where the ledger shows the end of it; undefined where it does not yet. */
  readonly position?: bigint | undefined;
}

/** A completion as one JSON answer. It runs to its end even where the client has left: such a call cannot be cancelled. */
@Injectable()
export class ChatCompletion {
  constructor(
    private readonly attempts: Attempts,
    private readonly settlements: Settlements,
    private readonly estimate: UsageEstimate,
    private readonly clock: GatewayClock,
  ) {}

  /** @returns the answer; the charge is durable, or kept. Throws ApiError where no provider served it: nothing is charged. */
  async run(first: Generation, dialect: AnswerDialect): Promise<ChatAnswer> {
    const { completed, by } = await this.served(first);
    const { outcome, answer } = await this.charging(by, completed, dialect);
    const ending = outcome ? this.settlements.settle(by, outcome) : this.settlements.release(by, 'nothing_served');
    return { ...answer, position: await ending };
  }

  private async served(first: Generation): Promise<{ readonly completed: CompletedChat; readonly by: Generation }> {
    try {
      const { answer, by } = await this.attempts.serve(first, ({ provider, call }) => provider.complete(call));
      return { completed: answer, by };
    } catch (failure) {
      const { generation, error } = failure instanceof Unserved ? failure : { generation: first, error: failure };
      logFailure(generation.id, error);
      await this.settlements.release(generation, releaseReason(error));
      throw asProblem(error, generation.failed);
    }
  }

  /** Written out before it is charged: nobody pays for an answer that cannot be given. No outcome: nothing was served. */
  private async charging(
    generation: Generation,
    completed: CompletedChat,
    dialect: AnswerDialect,
  ): Promise<{ outcome: Outcome | undefined; answer: ChatAnswer }> {
    try {
      if (!wasServed(completed)) {
        const usage = usageBlock(completed.usage?.usage ?? {}, NOTHING);
        return { outcome: undefined, answer: answerOf(generation, dialect.body(generation, completed.completion, usage), false) };
      }
      const outcome = await this.outcome(generation, completed);
      const usage = usageBlock(outcome.usage, outcome.cost);
      const { completion } = completed;
      if (generation.call.reasoning?.exclude)
        for (const { message } of asChoices(completion['choices'])) withoutReasoning(message);
      return { outcome, answer: answerOf(generation, dialect.body(generation, completion, usage), true) };
    } catch (error) {
      await this.settlements.release(generation, 'provider_error');
      throw error;
    }
  }

  private async outcome(generation: Generation, { completion, usage, upstreamId }: CompletedChat): Promise<Outcome> {
    const choices = asChoices(completion['choices']);
    const text = () => choices.map((choice) => generatedText(choice['message'] as never)).join('');
    const counted = await this.estimate.complete(generation, usage, text);
    const durationMs = Math.max(0, this.clock.now() - generation.at);
    const finishReason = choices[0]?.['finish_reason'];
    const answer = {
      streamed: false,
      ...(typeof finishReason === 'string' ? { finishReason } : {}),
      latencyMs: durationMs,
      durationMs,
    };
    return { ...counted, ...chargeFor(generation, counted.usage), outcome: 'completed', upstreamId, status: OK, answer };
  }
}

const answerOf = ({ id }: Generation, body: object, charged: boolean): ChatAnswer => ({
  generationId: id,
  body: JSON.stringify(body),
  charged,
});

const wasServed = ({ completion, usage }: CompletedChat): boolean =>
  asChoices(completion['choices']).some((choice) =>
    isServed(hasContent(choice['message'] as never), choice['finish_reason'], usage),
  );
