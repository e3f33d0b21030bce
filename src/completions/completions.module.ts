import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { Attempts } from './attempts.js';
import { ChatGateway } from './chat-gateway.js';
import { ChatCompletion } from './complete-chat.js';
import { CompletionsController } from './completions.controller.js';
import { TextEmbedding } from './embeddings/embed-texts.js';
import { EmbeddingsController } from './embeddings/embeddings.controller.js';
import { LiveGenerations } from './ends/live-generations.js';
import { Settlements } from './ends/settlements.js';
import { QuoteController } from './quote.controller.js';
import { AttemptEnds } from './repeats/attempt-ends.js';
import { NamedChat } from './repeats/named-chat.js';
import { OrphanedAnswers } from './repeats/orphaned-answers.js';
import { UnnamedChat } from './repeats/unnamed-chat.js';
import { GenerationStart } from './start-generation.js';
import { ChatStreaming } from './stream-chat.js';
import { OpenEndedAnswers } from './tokens/open-ended-answers.js';
import { UsageEstimate } from './tokens/usage-estimate.js';

@Module({
  controllers: [CompletionsController, EmbeddingsController, QuoteController],
  providers: [
    GenerationStart,
    ChatCompletion,
    ChatStreaming,
    Settlements,
    LiveGenerations,
    UsageEstimate,
    NamedChat,
    UnnamedChat,
    AttemptEnds,
    Attempts,
    OpenEndedAnswers,
    TextEmbedding,
    ChatGateway,
    OrphanedAnswers,
  ],
  exports: [ChatGateway, GenerationStart, Settlements, UsageEstimate],
})
export class CompletionsModule implements OnApplicationShutdown {
  constructor(private readonly settlements: Settlements) {}

  /** The ledger and the queue close after this: what was served is charged before. */
  async onApplicationShutdown(): Promise<void> {
    await this.settlements.drained();
  }
}
