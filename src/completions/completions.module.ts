import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { ChatCompletion } from './complete-chat.js';
import { CompletionsController } from './completions.controller.js';
import { Settlements } from './settlements.js';
import { GenerationStart } from './start-generation.js';
import { ChatStreaming } from './stream-chat.js';
import { UsageEstimate } from './usage-estimate.js';

@Module({
  controllers: [CompletionsController],
  providers: [GenerationStart, ChatCompletion, ChatStreaming, Settlements, UsageEstimate],
})
export class CompletionsModule implements OnApplicationShutdown {
  constructor(private readonly settlements: Settlements) {}

  /** The ledger and the queue close after this: what was served is charged before. */
  async onApplicationShutdown(): Promise<void> {
    await this.settlements.drained();
  }
}
