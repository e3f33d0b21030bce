import { Module, type OnModuleInit } from '@nestjs/common';
import { JobRegistry } from '../jobs/index.js';
import { FinishRepricingsJob } from './finish-repricings.job.js';
import { RepricingsController } from './repricings.controller.js';
import { Repricings } from './repricings.js';
import { WhatIfController } from './what-if.controller.js';

/** Prices calls anew, on paper (what-if) or on the account. */
@Module({
  controllers: [WhatIfController, RepricingsController],
  providers: [Repricings, FinishRepricingsJob],
})
export class RepricingModule implements OnModuleInit {
  constructor(
    private readonly jobs: JobRegistry,
    private readonly finish: FinishRepricingsJob,
  ) {}

  onModuleInit(): void {
    this.jobs.register(this.finish);
  }
}
