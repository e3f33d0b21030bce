import { type DynamicModule, Global, Inject, Module, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { AccountWriter } from '../accounts/index.js';
import { SignCheckpointJob } from '../audit/index.js';
import { type PendingEnd, SettlementRetries } from '../completions/index.js';
import { EventStore } from '../event-store/event-store.js';
import { GatewayClock } from '../http/clock.js';
import { Metrics } from '../http/metrics.controller.js';
import { PriceBook } from '../pricing/index.js';
import { EndReservationJob } from './end-reservation.job.js';
import { ExpireCreditsJob } from './expire-credits.job.js';
import { JobQueues } from './job-queues.js';
import { JobRegistry } from './job-registry.js';
import { KeptEnds } from './kept-ends.js';
import { OverdueReservations } from './overdue-reservations.js';
import { QueuesModule, type QueuesOptions } from './queues.module.js';
import { type AbandonedCalls, RecoverReservationsJob } from './recover-reservations.job.js';

export interface JobsOptions extends QueuesOptions {
  /** How often overdue reservations are looked for; as often as live ones are extended. */
  readonly recoverEveryMs: number;
  readonly abandonedCalls: AbandonedCalls;
}

const OPTIONS = Symbol('JobsOptions');

/** Work that outlives the process that asked for it: the queues, and what the ledger needs done in them. */
@Global()
@Module({})
export class JobsModule implements OnModuleInit {
  constructor(
    @Inject(OPTIONS) private readonly options: JobsOptions,
    private readonly registry: JobRegistry,
    private readonly expireCredits: ExpireCreditsJob,
    private readonly endReservation: EndReservationJob,
    private readonly recoverReservations: RecoverReservationsJob,
    private readonly modules: ModuleRef,
  ) {}

  static forRoot(options: JobsOptions): DynamicModule {
    return {
      module: JobsModule,
      imports: [QueuesModule.forRoot(options)],
      providers: [
        { provide: OPTIONS, useValue: options },
        { provide: KeptEnds, useFactory: (queues: JobQueues) => new KeptEnds(queues.of('ledger')), inject: [JobQueues] },
        { provide: SettlementRetries, useExisting: KeptEnds },
        ExpireCreditsJob,
        EndReservationJob,
        {
          provide: RecoverReservationsJob,
          useFactory: (
            overdue: OverdueReservations,
            kept: KeptEnds,
            store: EventStore,
            accounts: AccountWriter,
            clock: GatewayClock,
            metrics: Metrics,
            prices: PriceBook,
          ) =>
            new RecoverReservationsJob(
              overdue,
              kept,
              store,
              accounts,
              clock,
              metrics,
              1.5 * options.recoverEveryMs,
              options.abandonedCalls,
              prices,
            ),
          inject: [OverdueReservations, KeptEnds, EventStore, AccountWriter, GatewayClock, Metrics, PriceBook],
        },
      ],
      exports: [SettlementRetries],
    };
  }

  onModuleInit(): void {
    if (!this.options.run) return;
    // Made only where jobs run: elsewhere there is no key to sign with.
    const signCheckpoint = this.modules.get(SignCheckpointJob, { strict: false });
    this.registry.register({
      name: ExpireCreditsJob.jobName,
      everyMs: ExpireCreditsJob.everyMs,
      run: () => this.expireCredits.run(),
    });
    this.registry.register({
      name: EndReservationJob.jobName,
      run: (data) => this.endReservation.run(data as PendingEnd),
    });
    this.registry.register({
      name: RecoverReservationsJob.jobName,
      everyMs: this.options.recoverEveryMs,
      run: () => this.recoverReservations.run(),
    });
    this.registry.register({
      name: SignCheckpointJob.jobName,
      everyMs: SignCheckpointJob.everyMs,
      run: async () => void (await signCheckpoint.run()),
    });
  }
}
