import { Global, Module } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { EventStore } from '../event-store/event-store.js';
import { Authenticator } from '../http/authentication.js';
import { GatewayClock } from '../http/clock.js';
import { AccountAuthenticator } from './account.authenticator.js';
import { AccountWriter } from './account-writer.js';
import { AccountsController } from './accounts.controller.js';
import { CommandAccountHandler } from './accounts.handlers.js';

@Global()
@Module({
  imports: [CqrsModule],
  controllers: [AccountsController],
  providers: [
    {
      provide: AccountWriter,
      useFactory: (store: EventStore, clock: GatewayClock) => new AccountWriter(store, clock),
      inject: [EventStore, GatewayClock],
    },
    CommandAccountHandler,
    { provide: Authenticator, useClass: AccountAuthenticator },
  ],
  exports: [AccountWriter, Authenticator],
})
export class AccountsModule {}
