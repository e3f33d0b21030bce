import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { DataSource } from 'typeorm';
import { accountStream } from '../../src/accounts/domain/accounts.events.js';
import { type Instant, instantToText } from '../../src/kernel/time.js';
import { notStopped } from '../runtime/stopped-streams.js';
import { openReservationEntity } from './balances.entity.js';
import { balances } from './balances.projection.js';

/** A reservation that should have ended. */
export interface OverdueReservation {
  readonly accountId: string;
  readonly reservationId: string;
}

/**
 * Open reservations whose settleBy has passed at `at`, longest overdue first: a hint whose process may have died. It may be behind;
 * whether a reservation is overdue is decided on the account's own stream.
 */
export class OverdueReservations extends Query<OverdueReservation[]> {
  constructor(
    readonly at: Instant,
    readonly limit: number,
  ) {
    super();
  }
}

@QueryHandler(OverdueReservations)
export class OverdueReservationsHandler implements IQueryHandler<OverdueReservations> {
  constructor(private readonly dataSource: DataSource) {}

  execute({ at, limit }: OverdueReservations): Promise<OverdueReservation[]> {
    return this.dataSource
      .createQueryBuilder(openReservationEntity, 'reservation')
      .select('reservation.account_id', 'accountId')
      .addSelect('reservation.reservation_id', 'reservationId')
      .where('reservation.settle_by <= :at', { at: instantToText(at) })
      .andWhere(notStopped(balances, `'${accountStream('')}' || reservation.account_id`))
      .orderBy('reservation.settle_by')
      .addOrderBy('reservation.reservation_id')
      .limit(limit)
      .getRawMany();
  }
}
