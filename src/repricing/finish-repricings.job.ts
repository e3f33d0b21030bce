import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { EventStore } from '../event-store/event-store.js';
import type { Job } from '../jobs/index.js';
import { REPRICING_PREFIX } from './domain/repricing.events.js';
import { Repricings } from './repricings.js';

const EVERY_MS = 30_000;

/**
 * Finishes what was approved and what nobody has carried out: the process that approved it died, or the account could not pay
 * then. What is open is kept in memory and read anew from the first event where the process is new: repricings are few.
 */
@Injectable()
export class FinishRepricingsJob implements Job {
  readonly name = 'finish-repricings';
  readonly everyMs = EVERY_MS;
  private readonly open = new Set<string>();
  private readonly logger = new Logger('repricing');
  private position: bigint | undefined;

  constructor(
    private readonly store: EventStore,
    private readonly repricings: Repricings,
  ) {}

  async run(): Promise<void> {
    await this.catchUp();
    let failure: unknown;
    for (const repricingId of this.open) {
      const cause = {
        commandId: `repricing:${repricingId}`,
        correlationId: randomUUID(),
        actor: { type: 'job', id: this.name },
      } as const;
      try {
        await this.repricings.finish(repricingId, cause);
      } catch (error) {
        // One that cannot be finished keeps none of the others waiting.
        failure = error;
        this.logger.error({
          msg: 'a repricing could not be carried out',
          repricing: repricingId,
          error: (error as Error).message,
        });
      }
    }
    if (failure) throw failure;
  }

  private async catchUp(): Promise<void> {
    for await (const { type, stream, position } of this.store.readAll({
      streamPrefixes: [REPRICING_PREFIX],
      after: this.position,
    })) {
      const repricingId = stream.slice(REPRICING_PREFIX.length);
      if (type === 'RepricingApproved') this.open.add(repricingId);
      if (type === 'RepricingCarriedOut') this.open.delete(repricingId);
      this.position = position;
    }
  }
}
