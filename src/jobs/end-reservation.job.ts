import { Injectable, Logger } from '@nestjs/common';
import { type Queue } from 'bullmq';
import { AccountWriter } from '../accounts/index.js';
import { type PendingEnd, SettlementRetries } from '../completions/index.js';
import { UNTIL_DONE } from './job-queue.js';

/** Ends a reservation that the store did not take in time, again and again, under the same command id. */
@Injectable()
export class EndReservationJob {
  static readonly jobName = 'end-reservation';
  private readonly logger = new Logger('end-reservation');

  constructor(private readonly accounts: AccountWriter) {}

  async run({ accountId, command, cause }: PendingEnd): Promise<void> {
    const { rejection } = await this.accounts.execute(accountId, command, cause);
    // Not open: it had ended before, and longer ago than the account remembers. Nothing is left to charge.
    if (rejection)
      this.logger.warn({ msg: 'a kept end was refused', reason: rejection.reason, generationId: command.reservationId });
  }
}

/** Keeps the ends of reservations in the queue. */
export class QueuedSettlementRetries extends SettlementRetries {
  constructor(private readonly queue: Queue) {
    super();
  }

  async keep(end: PendingEnd): Promise<void> {
    const jobId = `${end.command.type}-${end.command.reservationId}`;
    await this.queue.add(EndReservationJob.jobName, end, { ...UNTIL_DONE, jobId });
  }
}
