import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';
import { amount, flag, instant, json, position, text } from '../runtime/columns.js';
import { SCHEMA, tableName } from '../runtime/schema.js';
import type { ProjectionDefinition } from '../runtime/stored-projection.js';
import type { LedgerAccount } from './chart.projection.js';
import { journal } from './journal.projection.js';
import type {
  ClassOfLot,
  Closing,
  JournalEntry,
  JournalTables,
  ReservationMonth,
  SumOfMonth,
  Sums,
  TotalOfMonth,
} from './journal-tables.projection.js';

const nameOf = (name: string): string => tableName(`journal_${name}`, journal.version);
const table = (name: string) => ({ schema: SCHEMA, tableName: nameOf(name) });

/** Compared by their bytes, so that their order is the same in every database. */
const accountId = (primary: boolean): EntitySchemaColumnOptions => ({ ...text('account_id', { primary }), collation: 'C' });

type StoredSums = Readonly<Record<string, readonly [debits: string, credits: string]>>;

/** `{"payments": ["100", "0"]}` */
const sums: EntitySchemaColumnOptions = {
  ...json('sums'),
  transformer: {
    to: (kept: Sums): StoredSums =>
      Object.fromEntries([...kept].map(([name, { debits, credits }]) => [name, [`${debits}`, `${credits}`]])),
    from: (stored: StoredSums): Sums => sumsFrom(stored),
  },
};

export const sumsFrom = (stored: StoredSums): Sums =>
  new Map(
    Object.entries(stored).map(([name, [debits, credits]]) => [
      name as LedgerAccount,
      { debits: BigInt(debits), credits: BigInt(credits) },
    ]),
  );

export const journalEntryEntity = new EntitySchema<JournalEntry>({
  name: 'JournalEntry',
  ...table('entry'),
  columns: {
    position: position('position', { primary: true }),
    accountId: accountId(false),
    revision: position('revision'),
    occurredAt: instant('occurred_at'),
    type: text('type'),
    period: { ...text('period'), collation: 'C' },
    originalPeriod: text('original_period', { nullable: true }),
    isLate: flag('is_late'),
    reference: text('reference'),
    lines: text('lines'),
    owned: amount('owned'),
    receivable: amount('receivable'),
  },
  indices: [
    { name: `${nameOf('entry')}_account`, columns: ['accountId', 'position'] },
    {
      name: `${nameOf('entry')}_statement`,
      columns: ['period', 'accountId', 'position'],
      where: 'owned <> 0 OR receivable <> 0',
    },
    { name: `${nameOf('entry')}_late`, columns: ['accountId', 'position'], where: 'is_late' },
  ],
});

export const sumOfMonthEntity = new EntitySchema<SumOfMonth>({
  name: 'SumOfMonth',
  ...table('sum'),
  columns: {
    accountId: accountId(true),
    month: { ...text('month', { primary: true }), collation: 'C' },
    sums,
    owned: amount('owned'),
    receivable: amount('receivable'),
  },
});

export const totalOfMonthEntity = new EntitySchema<TotalOfMonth>({
  name: 'TotalOfMonth',
  ...table('total'),
  columns: { month: { ...text('month', { primary: true }), collation: 'C' }, sums },
});

export const journalDefinition: ProjectionDefinition<JournalTables> = {
  projection: journal,
  entities: {
    entries: journalEntryEntity,
    sums: sumOfMonthEntity,
    totals: totalOfMonthEntity,
    lots: new EntitySchema<ClassOfLot>({
      name: 'ClassOfLot',
      ...table('lot_class'),
      columns: {
        accountId: accountId(true),
        lotId: text('lot_id', { primary: true }),
        lotClass: text('lot_class'),
      },
    }),
    reservations: new EntitySchema<ReservationMonth>({
      name: 'ReservationMonth',
      ...table('reservation'),
      columns: {
        accountId: accountId(true),
        reservationId: text('reservation_id', { primary: true }),
        month: text('month'),
        isOpen: flag('is_open'),
        heldTopUp: amount('held_top_up'),
        heldPromo: amount('held_promo'),
        heldGoodwill: amount('held_goodwill'),
      },
    }),
    closings: new EntitySchema<Closing>({
      name: 'Closing',
      ...table('closing'),
      columns: {
        id: text('id', { primary: true }),
        first: text('first', { nullable: true }),
        closedThrough: text('closed_through', { nullable: true }),
      },
    }),
  },
};
