import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Global,
  Inject,
  Logger,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Queue, Worker } from 'bullmq';
import { type PendingEnd, SettlementRetries } from '../completions/index.js';
import { EndReservationJob, QueuedSettlementRetries } from './end-reservation.job.js';
import { ExpireCreditsJob } from './expire-credits.job.js';
import { openQueue, openWorker, type QueueLocation } from './job-queue.js';

export interface JobsOptions extends QueueLocation {
  /** Whether this process works the queue off, or only adds to it. */
  readonly run: boolean;
}

const OPTIONS = Symbol('JobsOptions');
const QUEUE = Symbol('Queue');

/** Work that outlives the process that asked for it. */
@Global()
@Module({})
export class JobsModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('jobs');
  private worker: Worker | undefined;

  constructor(
    @Inject(OPTIONS) private readonly options: JobsOptions,
    @Inject(QUEUE) private readonly queue: Queue,
    private readonly expireCredits: ExpireCreditsJob,
    private readonly endReservation: EndReservationJob,
  ) {
    queue.on('error', (error) => this.logger.error({ msg: 'the job queue is away', error: error.message }));
  }

  static forRoot(options: JobsOptions): DynamicModule {
    return {
      module: JobsModule,
      providers: [
        { provide: OPTIONS, useValue: options },
        { provide: QUEUE, useFactory: () => openQueue(options) },
        { provide: SettlementRetries, useFactory: (queue: Queue) => new QueuedSettlementRetries(queue), inject: [QUEUE] },
        ExpireCreditsJob,
        EndReservationJob,
      ],
      exports: [SettlementRetries],
    };
  }

  async onApplicationBootstrap(): Promise<void> {
    if (!this.options.run) return;
    this.worker = openWorker(this.options, {
      [ExpireCreditsJob.jobName]: () => this.expireCredits.run(),
      [EndReservationJob.jobName]: (data) => this.endReservation.run(data as PendingEnd),
    });
    this.worker.on('error', (error) => this.logger.error({ msg: 'the job queue is away', error: error.message }));
    this.worker.on('failed', (job, error) => this.logger.error({ msg: 'a job failed', job: job?.name, error: error.message }));
    await this.queue.upsertJobScheduler(
      ExpireCreditsJob.jobName,
      { every: ExpireCreditsJob.everyMs },
      { name: ExpireCreditsJob.jobName },
    );
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.worker?.close();
  }

  /** The queue takes what the last answers leave behind, so it closes last. */
  async onApplicationShutdown(): Promise<void> {
    await this.queue.close();
  }
}
