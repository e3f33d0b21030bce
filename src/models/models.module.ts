import { Module } from '@nestjs/common';
import { ModelsController } from './models.controller.js';
import { ProvidersController } from './providers.controller.js';
import { RouteStatistics, SeenRouteStatistics } from './route-statistics.js';

/** Takes the price book, the providers and the authenticator from the application. */
@Module({
  controllers: [ModelsController, ProvidersController],
  providers: [{ provide: RouteStatistics, useClass: SeenRouteStatistics }],
})
export class ModelsModule {}
