import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AccountWriter } from '../accounts/index.js';
import { GatewayClock } from '../http/clock.js';
import { DueAccounts } from './due-accounts.js';

const ACCOUNTS_PER_RUN = 1_000;

/** Writes down what has expired. Nothing depends on when: expired credits are not available from the moment they expire. */
@Injectable()
export class ExpireCreditsJob {
  static readonly jobName = 'expire-credits';
  static readonly everyMs = 60_000;

  constructor(
    private readonly due: DueAccounts,
    private readonly accounts: AccountWriter,
    private readonly clock: GatewayClock,
  ) {}

  async run(): Promise<void> {
    for (const accountId of await this.due.list(this.clock.now(), ACCOUNTS_PER_RUN)) {
      const correlationId = randomUUID();
      await this.accounts.execute(
        accountId,
        { type: 'ExpireCredits' },
        { commandId: `expire:${correlationId}`, correlationId, actor: { type: 'job', id: ExpireCreditsJob.jobName } },
      );
    }
  }
}
