import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Global,
  Inject,
  Logger,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { Queue, Worker } from 'bullmq';
import { AccountWriter } from '../accounts/index.js';
import { SignCheckpointJob } from '../audit/index.js';
import { type PendingEnd, SettlementRetries } from '../completions/index.js';
import { EventStore } from '../event-store/event-store.js';
import { GatewayClock } from '../http/clock.js';
import { Metrics } from '../http/metrics.controller.js';
import { PriceBook } from '../pricing/index.js';
import { EndReservationJob } from './end-reservation.job.js';
import { ExpireCreditsJob } from './expire-credits.job.js';
import { openQueue, openWorker, type QueueLocation, UNTIL_DONE } from './job-queue.js';
import { JobRegistry, JobRequests } from './job-registry.js';
import { KeptEnds } from './kept-ends.js';
import { OverdueReservations } from './overdue-reservations.js';
import { QueueOutage } from './queue-outage.js';
import { type AbandonedCalls, RecoverReservationsJob } from './recover-reservations.job.js';

export interface JobsOptions extends QueueLocation {
  /** Whether this process works the queue off, or only adds to it. */
  readonly run: boolean;
  /** How often overdue reservations are looked for; as often as live ones are extended. */
  readonly recoverEveryMs: number;
  readonly abandonedCalls: AbandonedCalls;
}

const OPTIONS = Symbol('JobsOptions');
const QUEUE = Symbol('Queue');

/** Work that outlives the process that asked for it. */
@Global()
@Module({})
export class JobsModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('jobs');
  private readonly outage = new QueueOutage(this.logger);
  private worker: Worker | undefined;

  constructor(
    @Inject(OPTIONS) private readonly options: JobsOptions,
    @Inject(QUEUE) private readonly queue: Queue,
    private readonly expireCredits: ExpireCreditsJob,
    private readonly endReservation: EndReservationJob,
    private readonly recoverReservations: RecoverReservationsJob,
    private readonly registry: JobRegistry,
    private readonly modules: ModuleRef,
  ) {
    queue.on('error', (error) => this.outage.away(error));
    queue.on('waiting', () => this.outage.back());
  }

  static forRoot(options: JobsOptions): DynamicModule {
    return {
      module: JobsModule,
      providers: [
        { provide: OPTIONS, useValue: options },
        { provide: QUEUE, useFactory: () => openQueue(options) },
        { provide: KeptEnds, useFactory: (queue: Queue) => new KeptEnds(queue), inject: [QUEUE] },
        { provide: SettlementRetries, useExisting: KeptEnds },
        JobRegistry,
        { provide: JobRequests, useFactory: requests, inject: [QUEUE] },
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
      exports: [SettlementRetries, JobRegistry, JobRequests],
    };
  }

  async onApplicationBootstrap(): Promise<void> {
    if (!this.options.run) return;
    // Made only where jobs run: elsewhere there is no key to sign with.
    const signCheckpoint = this.modules.get(SignCheckpointJob, { strict: false });
    const handlers = {
      [ExpireCreditsJob.jobName]: () => this.expireCredits.run(),
      [EndReservationJob.jobName]: (data: unknown) => this.endReservation.run(data as PendingEnd),
      [RecoverReservationsJob.jobName]: () => this.recoverReservations.run(),
      [SignCheckpointJob.jobName]: async () => void (await signCheckpoint.run()),
      ...Object.fromEntries(this.registry.list().map((job) => [job.name, job.run.bind(job)])),
    };
    const worker = openWorker(this.options, handlers, this.outage);
    this.worker = worker;
    worker.on('failed', (job, error) => this.logger.error({ msg: 'a job failed', job: job?.name, error: error.message }));
    await this.repeat(ExpireCreditsJob.jobName, ExpireCreditsJob.everyMs);
    await this.repeat(RecoverReservationsJob.jobName, this.options.recoverEveryMs);
    await this.repeat(SignCheckpointJob.jobName, SignCheckpointJob.everyMs);
    for (const { name, everyMs } of this.registry.list()) if (everyMs !== undefined) await this.repeat(name, everyMs);
    // One that cannot get ready never will: it would ask without a pause and let this process do nothing else.
    await worker.waitUntilReady();
    worker.run().catch((error) => worker.emit('error', error));
  }

  /** One schedule for all processes: a run is for whichever of them takes it. What has run leaves nothing behind. */
  private async repeat(jobName: string, everyMs: number): Promise<void> {
    const opts = { removeOnComplete: true, removeOnFail: true };
    await this.queue.upsertJobScheduler(jobName, { every: everyMs }, { name: jobName, opts });
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.worker?.close();
  }

  /** The queue takes what the last answers leave behind, so it closes last. */
  async onApplicationShutdown(): Promise<void> {
    await this.queue.close();
  }
}

/** Repeated until it succeeds: what was asked for is not forgotten. */
const requests = (queue: Queue): JobRequests => ({
  add: async (name, id, data) => void (await queue.add(name, data, { ...UNTIL_DONE, jobId: `${name}-${id}` })),
});
