import { Injectable } from '@nestjs/common';
import type { CompletedChat } from '../providers/index.js';
import { asChoices, completionBody, generatedText, hasContent, isServed } from './answer.js';
import { asProblem, logFailure, releaseReason } from './completions.problems.js';
import type { Generation } from './generation.js';
import { NOTHING, type Outcome, Settlements } from './settlements.js';
import { usageBlock } from './usage-block.js';
import { UsageEstimate } from './usage-estimate.js';

const OK = 200;

/** A completion as one JSON answer. It runs to its end even where the client has left: such a call cannot be cancelled. */
@Injectable()
export class ChatCompletion {
  constructor(
    private readonly settlements: Settlements,
    private readonly estimate: UsageEstimate,
  ) {}

  /** @returns the answer's body; the charge is durable, or kept. Throws ApiError where the provider failed: nothing is charged. */
  async run(generation: Generation): Promise<object> {
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
      return completionBody(generation, completed.completion, usageBlock(completed.usage?.usage ?? {}, NOTHING));
    }
    const outcome = await this.outcome(generation, completed);
    const cost = await this.settlements.settle(generation, outcome);
    return completionBody(generation, completed.completion, usageBlock(outcome.usage, cost));
  }

  private async outcome(generation: Generation, { completion, usage, upstreamId }: CompletedChat): Promise<Outcome> {
    const text = asChoices(completion['choices'])
      .map((choice) => generatedText(choice['message'] as never))
      .join('');
    return { ...(await this.estimate.complete(generation, usage, text)), outcome: 'completed', upstreamId, status: OK };
  }
}

const wasServed = ({ completion, usage }: CompletedChat): boolean =>
  asChoices(completion['choices']).some((choice) =>
    isServed(hasContent(choice['message'] as never), choice['finish_reason'], usage),
  );
