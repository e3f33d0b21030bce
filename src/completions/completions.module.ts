import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { AttemptEnds } from './attempt-ends.js';
import { Attempts } from './attempts.js';
import { ChatGateway } from './chat-gateway.js';
import { ChatCompletion } from './complete-chat.js';
import { CompletionsController } from './completions.controller.js';
import { TextEmbedding } from './embed-texts.js';
import { EmbeddingsController } from './embeddings.controller.js';
import { LiveGenerations } from './live-generations.js';
import { NamedChat } from './named-chat.js';
import { OpenEndedAnswers } from './open-ended-answers.js';
import { OrphanedAnswers } from './orphaned-answers.js';
import { QuoteController } from './quote.controller.js';
import { Settlements } from './settlements.js';
import { GenerationStart } from './start-generation.js';
import { ChatStreaming } from './stream-chat.js';
import { UnnamedChat } from './unnamed-chat.js';
import { UsageEstimate } from './usage-estimate.js';

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
