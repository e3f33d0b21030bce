import { type DynamicModule, Global, Module, type OnApplicationShutdown } from '@nestjs/common';
import { EventStore } from './event-store.js';

/** Offers the one connection to the event store of this process, and closes it last. */
@Global()
@Module({})
export class EventStoreModule implements OnApplicationShutdown {
  constructor(private readonly store: EventStore) {}

  static forRoot(connectionString: string): DynamicModule {
    const store = { provide: EventStore, useFactory: () => new EventStore(connectionString) };
    return { module: EventStoreModule, providers: [store], exports: [EventStore] };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.store.close();
  }
}
