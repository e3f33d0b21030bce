import { Global, Logger, Module } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { EventStore } from '../event-store/event-store.js';
import { Authenticator } from '../http/authentication.js';
import { GatewayClock } from '../http/clock.js';
import { AccountAuthenticator } from './account.authenticator.js';
import { ShowAccountHandler } from './account.query.js';
import { AccountWriter, DEFAULT_LIMITS } from './account-writer.js';
import { AccountsController } from './accounts.controller.js';
import { CommandAccountHandler } from './accounts.handlers.js';
import { AdjustmentsController } from './adjustments.controller.js';
import { Administration } from './administration.js';
import { ApiKeysController } from './api-keys.controller.js';
import { DisputesController } from './disputes.controller.js';
import { RefundsController } from './refunds.controller.js';

const logger = new Logger('Accounts');
const warn = (problem: string): void => logger.warn(problem);

@Global()
@Module({
  imports: [CqrsModule],
  controllers: [AccountsController, ApiKeysController, RefundsController, DisputesController, AdjustmentsController],
  providers: [
    {
      provide: AccountWriter,
      useFactory: (store: EventStore, clock: GatewayClock) => new AccountWriter(store, clock, DEFAULT_LIMITS, warn),
      inject: [EventStore, GatewayClock],
    },
    CommandAccountHandler,
    ShowAccountHandler,
    Administration,
    { provide: Authenticator, useClass: AccountAuthenticator },
  ],
  exports: [AccountWriter, Authenticator],
})
export class AccountsModule {}
