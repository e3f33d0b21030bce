import { Module } from '@nestjs/common';
import { CompletionsModule } from '../completions/index.js';
import { ResponsesController } from './responses.controller.js';

/** A face of the completion pipeline. */
@Module({ imports: [CompletionsModule], controllers: [ResponsesController] })
export class ResponsesModule {}
