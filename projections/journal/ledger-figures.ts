import type { EntityManager } from 'typeorm';
import type { LedgerAccount } from './chart.projection.js';
import { journalEntryEntity, sumOfMonthEntity, totalOfMonthEntity } from './journal.entity.js';
import { linesFrom, tableOf } from './journal-reads.js';

/** What a ledger account was at the start of a month, and what was posted in it. Nano-credits; the opening is a debit if positive. */
export interface Figures {
  opening: bigint;
  debits: bigint;
  credits: bigint;
}

export interface FiguresScope {
  /** `yyyy-mm` */
  readonly period: string;
  /** Entries after this position do not count; undefined: all count. */
  readonly upTo: bigint | undefined;
  readonly accountId: string | undefined;
}

const PAGE = 5_000;

/**
 * The ledger of a month, of one account or of all: the sums by month, with what came late added where it was posted, without what
 * came after `upTo`. Call it within one snapshot.
 */
export async function readFigures(manager: EntityManager, scope: FiguresScope): Promise<Map<LedgerAccount, Figures>> {
  const figures = new Map<LedgerAccount, Figures>();
  await addSums(manager, scope, figures);
  await addEntries(manager, scope, figures, 1n);
  if (scope.upTo !== undefined) await addEntries(manager, scope, figures, -1n);
  return figures;
}

async function addSums(
  manager: EntityManager,
  { period, accountId }: FiguresScope,
  figures: Map<LedgerAccount, Figures>,
): Promise<void> {
  const rows =
    accountId === undefined
      ? await manager.createQueryBuilder(totalOfMonthEntity, 'posted').where('month <= :period', { period }).getMany()
      : await manager
          .createQueryBuilder(sumOfMonthEntity, 'posted')
          .where('account_id = :accountId AND month <= :period', { accountId, period })
          .getMany();
  for (const { month, sums } of rows)
    for (const [ledgerAccount, { debits, credits }] of sums) add(figures, ledgerAccount, month < period, debits, credits);
}

/** Adds what came late and counts, or takes away what is in the sums and does not count. */
async function addEntries(
  manager: EntityManager,
  { period, upTo, accountId }: FiguresScope,
  figures: Map<LedgerAccount, Figures>,
  sign: 1n | -1n,
): Promise<void> {
  const which = sign === 1n ? 'is_late AND ($2::bigint IS NULL OR position <= $2)' : 'NOT is_late AND position > $2';
  for (let after = -1n; ; ) {
    const rows: { position: string; period: string; lines: string }[] = await manager.query(
      `SELECT position, period, lines FROM ${tableOf(manager, journalEntryEntity)}
       WHERE ${which} AND period <= $1 AND lines <> '' AND position > $3 AND ($4::text IS NULL OR account_id = $4)
       ORDER BY position LIMIT ${PAGE}`,
      [period, upTo?.toString() ?? null, after.toString(), accountId ?? null],
    );
    for (const row of rows) {
      for (const [ledgerAccount, amount] of linesFrom(row.lines)) {
        const [debits, credits] = amount > 0n ? [amount, 0n] : [0n, -amount];
        add(figures, ledgerAccount, row.period < period, sign * debits, sign * credits);
      }
    }
    const last = rows.at(-1);
    if (rows.length < PAGE || !last) return;
    after = BigInt(last.position);
  }
}

function add(
  figures: Map<LedgerAccount, Figures>,
  ledgerAccount: LedgerAccount,
  isBefore: boolean,
  debits: bigint,
  credits: bigint,
): void {
  const of = figures.get(ledgerAccount) ?? { opening: 0n, debits: 0n, credits: 0n };
  figures.set(ledgerAccount, of);
  if (isBefore) of.opening += debits - credits;
  else {
    of.debits += debits;
    of.credits += credits;
  }
}
