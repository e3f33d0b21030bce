import { EntitySchema } from 'typeorm';
import { amount, flag, instant, integer, json, position, text } from '../runtime/columns.js';
import { SCHEMA, tableName } from '../runtime/schema.js';
import type { AccountBalance, KeySpending, LotBalance, OpenReservation } from './balance-tables.projection.js';
import { balances } from './balances.projection.js';

const table = (name: string) => ({ schema: SCHEMA, tableName: tableName(name, balances.version) });

export const accountBalanceEntity = new EntitySchema<AccountBalance>({
  name: 'AccountBalance',
  ...table('account_balance'),
  columns: {
    accountId: text('account_id', { primary: true }),
    username: text('username'),
    tier: text('tier'),
    totalEarned: amount('total_earned'),
    totalAdjusted: amount('total_adjusted'),
    totalSpent: amount('total_spent'),
    totalExpired: amount('total_expired'),
    totalClawedBack: amount('total_clawed_back'),
    totalCashRefunded: amount('total_cash_refunded'),
    receivable: amount('receivable'),
    position: position('position'),
    revision: position('revision'),
    lastEventAt: instant('last_event_at'),
  },
});

export const lotBalanceEntity = new EntitySchema<LotBalance>({
  name: 'LotBalance',
  ...table('lot'),
  columns: {
    accountId: text('account_id', { primary: true }),
    lotId: text('lot_id', { primary: true }),
    kind: text('kind'),
    granted: amount('granted'),
    remaining: amount('remaining'),
    held: amount('held'),
    frozen: amount('frozen'),
    priority: integer('priority'),
    costBasis: amount('cost_basis'),
    effectiveAt: instant('effective_at'),
    expiresAt: instant('expires_at', { nullable: true }),
  },
  indices: [{ name: `${tableName('lot', balances.version)}_due`, columns: ['expiresAt'], where: 'remaining > held + frozen' }],
});

export const keySpendingEntity = new EntitySchema<KeySpending>({
  name: 'KeySpending',
  ...table('key_spending'),
  columns: {
    accountId: text('account_id', { primary: true }),
    keyId: text('key_id', { primary: true }),
    limit: amount('limit', { nullable: true }),
    limitReset: text('limit_reset', { nullable: true }),
    held: amount('held'),
    spentInWindow: amount('spent_in_window'),
    windowStart: instant('window_start'),
    expiresAt: instant('expires_at', { nullable: true }),
    revoked: flag('revoked'),
  },
});

export const openReservationEntity = new EntitySchema<OpenReservation>({
  name: 'OpenReservation',
  ...table('reservation'),
  columns: {
    accountId: text('account_id', { primary: true }),
    reservationId: text('reservation_id', { primary: true }),
    keyId: text('key_id'),
    amount: amount('amount'),
    holds: json('holds'),
    settleBy: instant('settle_by'),
  },
  indices: [{ name: `${tableName('reservation', balances.version)}_overdue`, columns: ['settleBy'] }],
});
