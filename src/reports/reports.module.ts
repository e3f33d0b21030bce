import {
  type DynamicModule,
  Inject,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { EventStore } from '../event-store/event-store.js';
import { GatewayClock } from '../http/clock.js';
import { JobRegistry, JobRequests } from '../jobs/index.js';
import { DownloadReportController } from './download-report.controller.js';
import { StoredFiles } from './files/stored-files.js';
import { FinanceDatabase } from './finance-database.js';
import { ReportCatalogue } from './report-catalogue.js';
import { ReportsController } from './reports.controller.js';
import { RequestReport } from './request-report.js';
import { RequeueOpenRunsJob } from './requeue-open-runs.job.js';
import { RunReportJob } from './run-report.job.js';
import { RunsTable } from './runs-table.js';
import { defaultSchedule } from './schedules/default-schedules.js';
import { RunSchedulesJob } from './schedules/run-schedules.job.js';
import { SchedulesController } from './schedules/schedules.controller.js';
import { SchedulesTable } from './schedules/schedules-table.js';

export interface ReportsOptions {
  readonly databaseUrl: string;
  /** Whether reports get their schedules by themselves, in this process. */
  readonly defaultSchedules: boolean;
}

const OPTIONS = Symbol('ReportsOptions');

/** Runs of reports, their files and their schedules. Needs ReportCatalogue, EventStore, GatewayClock and the job queue globally. */
@Module({})
export class ReportsModule implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('reports');

  constructor(
    @Inject(OPTIONS) private readonly options: ReportsOptions,
    private readonly registry: JobRegistry,
    private readonly jobs: JobRequests,
    private readonly database: FinanceDatabase,
    private readonly runs: RunsTable,
    private readonly schedules: SchedulesTable,
    private readonly reports: RequestReport,
    private readonly catalogue: ReportCatalogue,
    private readonly store: EventStore,
    private readonly clock: GatewayClock,
  ) {}

  static forRoot(options: ReportsOptions): DynamicModule {
    return {
      module: ReportsModule,
      controllers: [ReportsController, DownloadReportController, SchedulesController],
      providers: [
        { provide: OPTIONS, useValue: options },
        { provide: FinanceDatabase, useFactory: () => openFinanceDatabase(options.databaseUrl) },
        { provide: RunsTable, useFactory: (database: FinanceDatabase) => new RunsTable(database), inject: [FinanceDatabase] },
        {
          provide: SchedulesTable,
          useFactory: (database: FinanceDatabase) => new SchedulesTable(database),
          inject: [FinanceDatabase],
        },
        { provide: StoredFiles, useFactory: (database: FinanceDatabase) => new StoredFiles(database), inject: [FinanceDatabase] },
        {
          provide: RequestReport,
          useFactory: (catalogue: ReportCatalogue, runs: RunsTable, jobs: JobRequests, store: EventStore, clock: GatewayClock) =>
            new RequestReport(catalogue, runs, jobs, store, clock),
          inject: [ReportCatalogue, RunsTable, JobRequests, EventStore, GatewayClock],
        },
      ],
    };
  }

  onModuleInit(): void {
    const { database, runs, schedules, reports, catalogue, store, clock, jobs } = this;
    this.registry.register(new RunReportJob(database, runs, catalogue, store));
    this.registry.register(new RunSchedulesJob(database, schedules, runs, reports, catalogue, clock));
    this.registry.register(new RequeueOpenRunsJob(runs, jobs));
  }

  /** A start must not fail where they cannot be made: the next one makes them. */
  async onApplicationBootstrap(): Promise<void> {
    if (!this.options.defaultSchedules) return;
    try {
      for (const report of this.catalogue.list()) await this.schedules.makeDefault(defaultSchedule(report), this.clock.now());
    } catch (error) {
      this.logger.error({ msg: 'the schedules of the reports could not be made', error: (error as Error).message });
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.database.close();
  }
}

const openFinanceDatabase = (databaseUrl: string): FinanceDatabase => {
  const logger = new Logger('reports');
  return new FinanceDatabase(databaseUrl, (error) =>
    logger.warn({ msg: 'a connection for reports broke', error: error.message }),
  );
};
