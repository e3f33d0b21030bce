import { type DynamicModule, Inject, Logger, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { GatewayClock } from '../http/clock.js';
import { JobRegistry, JobRequests } from '../jobs/index.js';
import { DeliverNoticeJob, type Webhook } from './deliver-notice.job.js';
import { LookForNoticesJob } from './look-for-notices.job.js';
import { Watches } from './notice.js';
import { NoticesController } from './notices.controller.js';
import { NoticesTable } from './notices-table.js';

export interface NoticesOptions {
  readonly databaseUrl: string;
  readonly webhook: Webhook | undefined;
  readonly everyMs: number;
}

const OPTIONS = Symbol('NoticesOptions');

/** Needs Watches, GatewayClock, JobRegistry and JobRequests from global modules. */
@Module({})
export class NoticesModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(OPTIONS) private readonly options: NoticesOptions,
    private readonly notices: NoticesTable,
    private readonly watches: Watches,
    private readonly registry: JobRegistry,
    private readonly requests: JobRequests,
    private readonly clock: GatewayClock,
  ) {}

  static forRoot(options: NoticesOptions): DynamicModule {
    return {
      module: NoticesModule,
      controllers: [NoticesController],
      providers: [
        { provide: OPTIONS, useValue: options },
        { provide: NoticesTable, useFactory: () => openTable(options.databaseUrl) },
      ],
    };
  }

  onModuleInit(): void {
    const { webhook, everyMs } = this.options;
    this.registry.register(
      new LookForNoticesJob(this.watches.list(), this.notices, this.requests, webhook !== undefined, everyMs),
    );
    this.registry.register(new DeliverNoticeJob(this.notices, webhook, this.clock));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.notices.close();
  }
}

function openTable(databaseUrl: string): NoticesTable {
  const logger = new Logger('notices');
  return new NoticesTable(databaseUrl, (error) => logger.warn({ msg: 'a connection for notices broke', error: error.message }));
}
