import { Injectable } from '@nestjs/common';
import { costOf } from '../pricing/index.js';
import type { CompletedChat } from '../providers/index.js';
import { asChoices, completionBody, generatedText, hasContent, isServed } from './answer.js';
import { asProblem, logFailure, releaseReason } from './completions.problems.js';
import type { Generation } from './generation.js';
import { NOTHING, type Outcome, Settlements } from './settlements.js';
import { usageBlock } from './usage-block.js';
import { UsageEstimate } from './usage-estimate.js';

const OK = 200;

/** An answer as it is sent. */
export interface ChatAnswer {
  readonly generationId: string;
  /** JSON. */
  readonly body: string;
  /** Whether it was served and charged, be it with nothing where the model is free. */
  readonly charged: boolean;
}

/** A completion as one JSON answer. It runs to its end even where the client has left: such a call cannot be cancelled. */
@Injectable()
export class ChatCompletion {
  constructor(
    private readonly settlements: Settlements,
    private readonly estimate: UsageEstimate,
  ) {}

  /** @returns the answer; the charge is durable, or kept. Throws ApiError where the provider failed: nothing is charged. */
  async run(generation: Generation): Promise<ChatAnswer> {
    let completed: CompletedChat;
    try {
      completed = await generation.provider.complete(generation.call);
    } catch (error) {
      logFailure(generation.id, error);
      await this.settlements.release(generation, releaseReason(error));
      throw asProblem(error);
    }
    if (!wasServed(completed)) {
      await this.settlements.release(generation, 'nothing_served');
      const usage = usageBlock(completed.usage?.usage ?? {}, NOTHING);
      return answerOf(generation, completionBody(generation, completed.completion, usage), false);
    }
    const { outcome, answer } = await this.charging(generation, completed);
    await this.settlements.settle(generation, outcome);
    return answer;
  }

  /** Written out before it is charged: nobody pays for an answer that cannot be given. */
  private async charging(generation: Generation, completed: CompletedChat): Promise<{ outcome: Outcome; answer: ChatAnswer }> {
    try {
      const outcome = await this.outcome(generation, completed);
      const usage = usageBlock(outcome.usage, outcome.cost);
      return { outcome, answer: answerOf(generation, completionBody(generation, completed.completion, usage), true) };
    } catch (error) {
      await this.settlements.release(generation, 'provider_error');
      throw error;
    }
  }

  private async outcome(generation: Generation, { completion, usage, upstreamId }: CompletedChat): Promise<Outcome> {
    const text = asChoices(completion['choices'])
      .map((choice) => generatedText(choice['message'] as never))
      .join('');
    const counted = await this.estimate.complete(generation, usage, text);
    const cost = costOf(counted.usage, generation.model.prices);
    return { ...counted, cost, outcome: 'completed', upstreamId, status: OK };
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
