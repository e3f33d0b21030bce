import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { AccountWriter } from '../accounts/index.js';
import { GatewayClock } from '../http/clock.js';
import { DueAccounts } from './due-accounts.js';
import { eachAccount } from './each-account.js';

const ACCOUNTS_PER_RUN = 1_000;

/** Writes down what has expired. Nothing depends on when: expired credits are not available from the moment they expire. */
@Injectable()
export class ExpireCreditsJob {
  static readonly jobName = 'expire-credits';
  static readonly everyMs = 60_000;
  private readonly logger = new Logger(ExpireCreditsJob.jobName);

  constructor(
    private readonly due: DueAccounts,
    private readonly accounts: AccountWriter,
    private readonly clock: GatewayClock,
  ) {}

  async run(): Promise<void> {
    const expire = async (accountId: string) => {
      const correlationId = randomUUID();
      await this.accounts.execute(
        accountId,
        { type: 'ExpireCredits' },
        { commandId: `expire:${correlationId}`, correlationId, actor: { type: 'job', id: ExpireCreditsJob.jobName } },
      );
    };
    await eachAccount(await this.due.list(this.clock.now(), ACCOUNTS_PER_RUN), expire, this.logger);
  }
}
