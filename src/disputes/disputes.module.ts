import { Module, type OnModuleInit } from '@nestjs/common';
import { JobRegistry } from '../jobs/index.js';
import { DisputesController } from './disputes.controller.js';
import { Disputes } from './disputes.js';
import { FinishDisputesJob } from './finish-disputes.job.js';

/** Disputes, and the job that finishes what no request waits for. */
@Module({ controllers: [DisputesController], providers: [Disputes, FinishDisputesJob] })
export class DisputesModule implements OnModuleInit {
  constructor(
    private readonly jobs: JobRegistry,
    private readonly finish: FinishDisputesJob,
  ) {}

  onModuleInit(): void {
    this.jobs.register(this.finish);
  }
}
