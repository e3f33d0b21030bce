import type { ProjectionDefinition } from '../runtime/stored-projection.js';
import { balanceMoments, MOMENT_EVERY } from './balance-moments.js';
import type { BalanceTables } from './balance-tables.projection.js';
import { accountBalanceEntity, keySpendingEntity, lotBalanceEntity, openReservationEntity } from './balances.entity.js';
import { balances } from './balances.projection.js';

/** The projection, where its rows are, and the cache beside them. */
export const balancesDefinition: ProjectionDefinition<BalanceTables> = {
  projection: balances,
  entities: {
    accounts: accountBalanceEntity,
    lots: lotBalanceEntity,
    keys: keySpendingEntity,
    reservations: openReservationEntity,
  },
  cache: balanceMoments(MOMENT_EVERY),
};
