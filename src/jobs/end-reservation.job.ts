import { Injectable, Logger } from '@nestjs/common';
import { AccountWriter, findReservationEnd } from '../accounts/index.js';
import type { PendingEnd } from '../completions/index.js';
import { EventStore } from '../event-store/event-store.js';
import { END_RESERVATION } from './kept-ends.js';

/** Ends a reservation that the store did not take in time, again and again, under the same command id. */
@Injectable()
export class EndReservationJob {
  static readonly jobName = END_RESERVATION;
  private readonly logger = new Logger(EndReservationJob.jobName);

  constructor(
    private readonly accounts: AccountWriter,
    private readonly store: EventStore,
  ) {}

  /** Throws where the end is not stored yet, so that it is tried again. */
  async run(end: PendingEnd): Promise<void> {
    const { rejection } = await this.accounts.execute(end.accountId, end.command, end.cause);
    if (!rejection) return;
    if (rejection.reason === 'reservation_not_open') await this.endForgotten(end);
    else this.refused(end, rejection.reason);
  }

  /** It ended longer ago than the account remembers; its stream says how. What was used and not charged is charged now. */
  private async endForgotten(end: PendingEnd): Promise<void> {
    const { accountId, command, cause } = end;
    // What was to be given back is not held any more, whatever became of it.
    if (command.type === 'ReleaseReservation') return;
    const earlier = await findReservationEnd(this.store, accountId, command.reservationId);
    if (earlier === undefined) return this.refused(end, 'reservation_not_open');
    if (earlier.type !== 'ReservationReleased') return;
    const { generationId, keyId } = earlier.data;
    const late = { ...command, releasedEarlier: { generationId, keyId } };
    const { rejection } = await this.accounts.execute(accountId, late, cause);
    if (rejection) this.refused(end, rejection.reason);
  }

  private refused({ accountId, command }: PendingEnd, reason: string): void {
    this.logger.error({
      msg: 'a kept end was refused: what it charges is lost',
      reason,
      accountId,
      reservationId: command.reservationId,
      ...(command.type === 'SettleReservation' ? { costNano: command.cost.rounded } : {}),
    });
  }
}
