import { Module } from '@nestjs/common';
import { ReplayController } from './replay.controller.js';

/** The auditor's second opinion over HTTP, for the processes that serve the administration; it needs no key. */
@Module({ controllers: [ReplayController] })
export class ReplayModule {}
