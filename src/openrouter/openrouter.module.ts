import { type DynamicModule, Module } from '@nestjs/common';
import { ActivityController } from './activity.controller.js';
import { CreditsController } from './credits.controller.js';
import { CurrentKeyController } from './current-key.controller.js';
import { GenerationController } from './generation.controller.js';
import { KeysController } from './keys.controller.js';
import { ManagedKeys } from './managed-keys.js';
import { NotServedController } from './not-served.controller.js';
import { QUESTIONS, type Questions, ReadSide } from './read-side.js';

/** What OpenRouter's clients ask about accounts. Needs AccountWriter, Authenticator, PriceBook, GatewayClock and IdempotentRequests. */
@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: a Nest module is a class, here made from the questions
export class OpenRouterModule {
  /** @param questions those that the read side answers */
  static forRoot(questions: Questions): DynamicModule {
    return {
      module: OpenRouterModule,
      controllers: [
        GenerationController,
        CreditsController,
        CurrentKeyController,
        KeysController,
        ActivityController,
        NotServedController,
      ],
      providers: [{ provide: QUESTIONS, useValue: questions }, ReadSide, ManagedKeys],
    };
  }
}
