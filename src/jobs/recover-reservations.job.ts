import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { Counter } from 'prom-client';
import type { AccountEvent } from '../accounts/domain/accounts.events.js';
import { type AccountCommand, type AccountWriter, findQuote } from '../accounts/index.js';
import type { EventStore } from '../event-store/event-store.js';
import type { Metrics } from '../http/metrics.controller.js';
import type { AccountId, ReservationId } from '../kernel/ids.js';
import type { Clock, Instant } from '../kernel/time.js';
import type { PriceBook } from '../pricing/index.js';
import { chargeAbandoned } from './charge-abandoned.js';
import { eachAccount } from './each-account.js';
import type { KeptEnds } from './kept-ends.js';
import type { OverdueReservation, OverdueReservations } from './overdue-reservations.js';

const RESERVATIONS_PER_RUN = 1_000;

/** What becomes of the call that a process died over: nothing is charged, or what it is estimated to have cost. */
export type AbandonedCalls = 'release' | 'charge_estimate';

/**
 * Ends the reservations of dead processes. Such a call counts as started and its usage as unknown: what it holds is given back, or
 * the estimate is charged, as the policy says; and it is reported. Only a reservation that is overdue by its account's own stream is ended, and none whose end
 * is kept in the queue: that job carries the charge. It must have been overdue for a while in which the store could be
 * reached: after an outage, the processes that live extend theirs first.
 */
export class RecoverReservationsJob {
  static readonly jobName = 'recover-reservations';
  private readonly logger = new Logger(RecoverReservationsJob.jobName);
  private readonly recovered: Counter;
  private running = false;
  /** Since when each overdue reservation has been seen to be, while the store could be reached. */
  private seen: ReadonlyMap<ReservationId, Instant> = new Map();

  /** @param graceMs longer than a process that lives takes to look through its calls */
  constructor(
    private readonly overdue: OverdueReservations,
    private readonly kept: KeptEnds,
    private readonly store: Pick<EventStore, 'isReachable' | 'readBackwards'>,
    private readonly accounts: AccountWriter,
    private readonly clock: Clock,
    metrics: Metrics,
    private readonly graceMs: number,
    private readonly policy: AbandonedCalls,
    private readonly prices: Pick<PriceBook, 'version'>,
  ) {
    this.recovered = new Counter({
      name: 'reservations_recovered_total',
      help: 'Overdue reservations ended because nobody else had',
      labelNames: ['reason'],
      registers: [metrics.registry],
    });
  }

  async run(): Promise<void> {
    // A run that waits for a store that is away takes longer than the pause between two.
    if (this.running) return;
    this.running = true;
    try {
      const overdue = byAccount(await this.longOverdue());
      const work = async (accountId: AccountId) => {
        await Promise.all((overdue.get(accountId) ?? []).map((reservationId) => this.recover(accountId, reservationId)));
      };
      await eachAccount(overdue.keys(), work, this.logger);
    } finally {
      this.running = false;
    }
  }

  private async longOverdue(): Promise<readonly OverdueReservation[]> {
    const at = this.clock.now();
    const overdue = (await this.store.isReachable()) ? await this.overdue.list(at, RESERVATIONS_PER_RUN) : [];
    const seen = new Map(overdue.map(({ reservationId }) => [reservationId, this.seen.get(reservationId) ?? at]));
    this.seen = seen;
    return overdue.filter(({ reservationId }) => at - (seen.get(reservationId) ?? at) >= this.graceMs);
  }

  private async recover(accountId: AccountId, reservationId: ReservationId): Promise<void> {
    if (await this.kept.has(reservationId)) return;
    const { events, rejection } = await this.accounts.execute(accountId, await this.ending(accountId, reservationId), {
      commandId: `recover:${reservationId}`,
      correlationId: randomUUID(),
      actor: { type: 'job', id: RecoverReservationsJob.jobName },
    });
    // The hint was old: it goes on, or has ended.
    if (rejection?.reason === 'reservation_not_overdue' || rejection?.reason === 'reservation_not_open') return;
    if (rejection) throw new Error(`reservation ${reservationId} cannot be recovered: ${rejection.reason}`);
    for (const event of events) this.report(accountId, event);
  }

  private async ending(accountId: AccountId, reservationId: ReservationId): Promise<AccountCommand> {
    const release = { type: 'ReleaseReservation', reservationId, reason: 'abandoned', onlyOverdue: true } as const;
    if (this.policy === 'release') return release;
    const reserved = await findQuote(this.store, accountId, reservationId);
    return (reserved && chargeAbandoned(reservationId, reserved.quote, reserved.reservedAt, this.prices)) ?? release;
  }

  private report(accountId: AccountId, event: AccountEvent): void {
    if (event.type !== 'ReservationReleased' && event.type !== 'ReservationSettled') return;
    const { reservationId, releases } = event.data;
    const charged = event.type === 'ReservationSettled';
    this.recovered.inc({ reason: charged ? 'charged_estimate' : event.data.reason });
    this.logger.warn({
      msg: charged
        ? 'nobody ended a reservation: the estimate is charged, and the rest of it given back'
        : 'nobody ended a reservation: what it held is given back, and its call is not billed',
      accountId,
      reservationId,
      ...(charged ? { costNano: event.data.cost.rounded } : {}),
      releasedNano: releases.reduce((total, { amount }) => total + BigInt(amount), 0n).toString(),
    });
  }
}

function byAccount(overdue: readonly OverdueReservation[]): Map<AccountId, ReservationId[]> {
  const reservations = new Map<AccountId, ReservationId[]>();
  for (const { accountId, reservationId } of overdue) {
    const ofAccount = reservations.get(accountId);
    if (ofAccount) ofAccount.push(reservationId);
    else reservations.set(accountId, [reservationId]);
  }
  return reservations;
}
