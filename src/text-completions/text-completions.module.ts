import { Module } from '@nestjs/common';
import { CompletionsModule } from '../completions/index.js';
import { TextCompletionsController } from './text-completions.controller.js';

/** A face of the completion pipeline. */
@Module({ imports: [CompletionsModule], controllers: [TextCompletionsController] })
export class TextCompletionsModule {}
