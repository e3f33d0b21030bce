import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { EventStore } from '../event-store/event-store.js';
import { GatewayClock } from '../http/clock.js';
import type { Job } from '../jobs/index.js';
import { Disputes } from './disputes.js';
import { type Dispute, evolveDispute, initialDispute, needsCarryingOut, needsFreezing } from './domain/dispute.js';
import { DISPUTE_PREFIX, type DisputeEvent } from './domain/disputes.events.js';
import { isOverdue } from './domain/pass-deadline.js';
import { gatherPacks } from './seal-packs.js';

const EVERY_MS = 30_000;

/**
 * Does for disputes what no request waits for: what a process that died has left undone, deadlines, and the sealing of evidence once
 * a checkpoint covers it. All disputes are kept in memory without their texts, read anew from the first event where the process is
 * new: they are few. It may run twice: everything is decided again on the streams.
 */
@Injectable()
export class FinishDisputesJob implements Job {
  readonly name = 'finish-disputes';
  readonly everyMs = EVERY_MS;
  private readonly disputes = new Map<string, Dispute>();
  private readonly logger = new Logger('disputes');
  private position: bigint | undefined;

  constructor(
    private readonly store: EventStore,
    private readonly work: Disputes,
    private readonly clock: GatewayClock,
  ) {}

  async run(): Promise<void> {
    await this.catchUp();
    const failures: unknown[] = [];
    for (const [disputeId, dispute] of this.disputes) {
      if (isOverdue(dispute, this.clock.now()))
        await this.attempt(disputeId, failures, () => this.work.passDeadline(disputeId, causeOf(disputeId, this.name)));
      else if (needsFreezing(dispute) || needsCarryingOut(dispute))
        await this.attempt(disputeId, failures, () => this.work.finish(disputeId, causeOf(disputeId, this.name)));
    }
    for (const { disputeId, parts } of await gatherPacks(this.store, [...this.disputes.values()]))
      await this.attempt(disputeId, failures, () => this.work.seal(disputeId, parts, causeOf(disputeId, this.name)));
    if (failures.length > 0) throw failures[0];
  }

  /** One that cannot be finished keeps none of the others waiting. */
  private async attempt(disputeId: string, failures: unknown[], work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      failures.push(error);
      this.logger.error({ msg: 'a dispute could not be finished', dispute: disputeId, error: (error as Error).message });
    }
  }

  private async catchUp(): Promise<void> {
    for await (const { type, data, stream, position } of this.store.readAll({
      streamPrefixes: [DISPUTE_PREFIX],
      after: this.position,
    })) {
      const disputeId = stream.slice(DISPUTE_PREFIX.length);
      const before = this.disputes.get(disputeId) ?? initialDispute();
      this.disputes.set(disputeId, evolveDispute(before, { type, data } as DisputeEvent));
      this.position = position;
    }
  }
}

const causeOf = (disputeId: string, job: string) =>
  ({ commandId: `dispute:${disputeId}`, correlationId: randomUUID(), actor: { type: 'job', id: job } }) as const;
