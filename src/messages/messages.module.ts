import { Module } from '@nestjs/common';
import { CompletionsModule } from '../completions/index.js';
import { MessagesController } from './messages.controller.js';

/** A face of the completion pipeline. */
@Module({ imports: [CompletionsModule], controllers: [MessagesController] })
export class MessagesModule {}
