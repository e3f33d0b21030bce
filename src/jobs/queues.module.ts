import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Global,
  Inject,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Worker } from 'bullmq';
import type { FastifyInstance } from 'fastify';
import { AdministrationToken } from '../http/administration.guard.js';
import { openQueueBoard } from './board/queue-board.js';
import { DeadLettersController } from './dead-letters.controller.js';
import { DeadLetters } from './dead-letters.js';
import { openWorker, type QueueLocation } from './job-queue.js';
import { JobQueues } from './job-queues.js';
import { JobRegistry, JobRequests, QUEUE_NAMES, type QueueName } from './job-registry.js';
import { QueueOutage } from './queue-outage.js';
import { QueuedRequests } from './queued-requests.js';

export interface QueuesOptions extends QueueLocation {
  /** Whether this process works the queues off, or only adds to them. */
  readonly run: boolean;
}

const OPTIONS = Symbol('QueuesOptions');

/** The queues, their workers, and the board that shows them. What is done in them, features register. */
@Global()
@Module({})
export class QueuesModule implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  private readonly logger = new Logger('jobs');
  private readonly outage = new QueueOutage(this.logger);
  private readonly stopping = new AbortController();
  private workers: readonly Worker[] = [];

  constructor(
    @Inject(OPTIONS) private readonly options: QueuesOptions,
    private readonly queues: JobQueues,
    private readonly registry: JobRegistry,
    private readonly http: HttpAdapterHost,
    private readonly token: AdministrationToken,
  ) {
    for (const queue of queues.all()) {
      queue.on('error', (error) => this.outage.away(error));
      queue.on('waiting', () => this.outage.back());
    }
  }

  static forRoot(options: QueuesOptions): DynamicModule {
    return {
      module: QueuesModule,
      controllers: [DeadLettersController],
      providers: [
        { provide: OPTIONS, useValue: options },
        { provide: JobQueues, useFactory: () => new JobQueues(options) },
        JobRegistry,
        {
          provide: JobRequests,
          useFactory: (queues: JobQueues, registry: JobRegistry) => new QueuedRequests(queues, registry),
          inject: [JobQueues, JobRegistry],
        },
        { provide: DeadLetters, useFactory: (queues: JobQueues) => new DeadLetters(queues), inject: [JobQueues] },
      ],
      exports: [JobQueues, JobRegistry, JobRequests],
    };
  }

  /** While the server can still be given routes. */
  onModuleInit(): void {
    openQueueBoard(this.http.httpAdapter.getInstance<FastifyInstance>(), this.queues, this.token);
  }

  async onApplicationBootstrap(): Promise<void> {
    if (!this.options.run) return;
    this.workers = QUEUE_NAMES.map((name) => this.worker(name));
    for (const { name, queue = 'ledger', everyMs } of this.registry.list())
      if (everyMs !== undefined) await this.repeat(queue, name, everyMs);
    for (const worker of this.workers) {
      // One that cannot get ready never will: it would ask without a pause and let this process do nothing else.
      await worker.waitUntilReady();
      worker.run().catch((error) => worker.emit('error', error));
    }
  }

  private worker(name: QueueName): Worker {
    const jobs = this.registry.list().filter(({ queue = 'ledger' }) => queue === name);
    const handlers = Object.fromEntries(jobs.map((job) => [job.name, job.run.bind(job)]));
    const worker = openWorker(this.options, handlers, this.outage, name, this.stopping.signal);
    worker.on('failed', (job, error) => this.logger.error({ msg: 'a job failed', job: job?.name, error: error.message }));
    return worker;
  }

  /** One schedule for all processes: a run is for whichever of them takes it. What has run leaves nothing behind. */
  private async repeat(queue: QueueName, jobName: string, everyMs: number): Promise<void> {
    const opts = { removeOnComplete: true, removeOnFail: true };
    await this.queues.of(queue).upsertJobScheduler(jobName, { every: everyMs }, { name: jobName, opts });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.workers.map((worker) => worker.close()));
  }

  /** The queues take what the last answers leave behind, so they close last. */
  async onApplicationShutdown(): Promise<void> {
    await this.queues.close();
  }
}
