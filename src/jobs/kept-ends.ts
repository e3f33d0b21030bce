import { type Queue } from 'bullmq';
import { type PendingEnd, SettlementRetries } from '../completions/index.js';
import type { ReservationId } from '../kernel/ids.js';
import { UNTIL_DONE } from './job-queue.js';

export const END_RESERVATION = 'end-reservation';

const WAYS_TO_END: readonly PendingEnd['command']['type'][] = ['SettleReservation', 'ReleaseReservation'];

/** The ends of reservations that the store did not take in time, in the queue. */
export class KeptEnds extends SettlementRetries {
  constructor(private readonly queue: Queue) {
    super();
  }

  async keep(end: PendingEnd): Promise<void> {
    const { type, reservationId } = end.command;
    await this.queue.add(END_RESERVATION, end, { ...UNTIL_DONE, jobId: jobIdOf(type, reservationId) });
  }

  /** Whether an end of this reservation is kept, and will be repeated until it is stored. */
  async has(reservationId: ReservationId): Promise<boolean> {
    const jobs = await Promise.all(WAYS_TO_END.map((type) => this.queue.getJob(jobIdOf(type, reservationId))));
    return jobs.some((job) => job !== undefined);
  }
}

const jobIdOf = (type: PendingEnd['command']['type'], reservationId: ReservationId): string => `${type}-${reservationId}`;
