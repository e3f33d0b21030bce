import { Module } from '@nestjs/common';
import { DecidedStreams } from '../event-store/decided-streams.js';
import { EventStore } from '../event-store/event-store.js';
import { GatewayClock } from '../http/clock.js';
import { PeriodList } from './period-list.js';
import { PeriodsController } from './periods.controller.js';

/** Needs EventStore and GatewayClock from global modules. */
@Module({
  controllers: [PeriodsController],
  providers: [
    PeriodList,
    {
      provide: DecidedStreams,
      useFactory: (store: EventStore, clock: GatewayClock) => new DecidedStreams(store, clock),
      inject: [EventStore, GatewayClock],
    },
  ],
  exports: [PeriodList],
})
export class PeriodsModule {}
