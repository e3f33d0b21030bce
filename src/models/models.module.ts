import { Module } from '@nestjs/common';
import { ModelsController } from './models.controller.js';

/** Takes the price book from the application. */
@Module({ controllers: [ModelsController] })
export class ModelsModule {}
