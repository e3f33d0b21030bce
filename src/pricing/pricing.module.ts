import { Global, Logger, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { EventStore } from '../event-store/event-store.js';
import { GatewayClock } from '../http/clock.js';
import { PriceBook } from './price-book.js';
import { PublishModelController } from './publish-model.controller.js';
import { PublishModelHandler } from './publish-model.handler.js';
import { SEED_CATALOGUE, seedCause } from './seed.js';

/** Offers the price book to every module. Takes EventStore, GatewayClock and AdministrationToken from the application. */
@Global()
@Module({
  imports: [CqrsModule],
  controllers: [PublishModelController],
  providers: [
    {
      provide: PriceBook,
      useFactory: (store: EventStore, clock: GatewayClock) => new PriceBook(store, clock),
      inject: [EventStore, GatewayClock],
    },
    PublishModelHandler,
  ],
  exports: [PriceBook],
})
export class PricingModule implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('pricing');

  constructor(private readonly book: PriceBook) {}

  async onModuleInit(): Promise<void> {
    await this.book.load();
    for (const refused of await this.book.publishMissing(SEED_CATALOGUE, seedCause)) {
      this.logger.warn({ msg: 'a model of the seed was left out', ...refused });
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.book.close();
  }
}
