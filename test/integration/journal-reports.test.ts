/** The reports of the journal on a real PostgreSQL, against the entries themselves. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DeferredRevenueReport } from '../../projections/journal/deferred-revenue.report.js';
import { journal } from '../../projections/journal/journal.projection.js';
import type { JournalEntry, JournalTables } from '../../projections/journal/journal-tables.projection.js';
import { MonthlyStatementReport } from '../../projections/journal/monthly-statement.report.js';
import { TrialBalanceReport } from '../../projections/journal/trial-balance.report.js';
import { Freshness } from '../../projections/runtime/freshness.js';
import type { Fact } from '../../projections/runtime/projection.js';
import type { Report, ReportRow, ReportScope } from '../../src/kernel/report.js';
import { historiesOf } from '../support/account-histories.js';
import { JournalDatabase } from '../support/journal-database.js';
import { closings, linesOf, netOf, withClosings } from '../support/journal-facts.js';
import { Tables } from '../support/projection-tables.js';

const SEED = 20260301;
const PAUSE_MAX_HOURS = 24 * 90;

let facts: readonly Fact[];
let entries: readonly JournalEntry[];
let database: JournalDatabase;
let months: string[];

beforeAll(async () => {
  facts = yearWithLateEvents();
  entries = [...new Tables<JournalTables>(journal).fold(facts).rows.entries.values()];
  months = monthsOf(entries);
  database = await JournalDatabase.open();
  await database.fold(facts, 97);
}, 60_000);

/** A history of more than a year in which months are closed, too early too, and opened again. */
function yearWithLateEvents(): Fact[] {
  const candidates = fc.sample(fc.tuple(historiesOf(PAUSE_MAX_HOURS, 110), closings), { seed: SEED, numRuns: 100 });
  const told = candidates.map(([world, asked]) => {
    const all = withClosings(world.facts, asked);
    const posted = [...new Tables<JournalTables>(journal).fold(all).rows.entries.values()];
    return { all, months: monthsOf(posted).length, late: posted.filter((entry) => entry.isLate && entry.owned !== 0n).length };
  });
  const [best] = told.filter((each) => each.months >= 12).sort((a, b) => b.late - a.late);
  if (!best || best.late < 3) throw new Error('no history is long enough');
  return best.all;
}

const monthsOf = (of: readonly JournalEntry[]): string[] => [...new Set(of.map(({ period }) => period))].sort();
const END = 2n ** 62n;

const scopeOf = (period: string, upTo = END, accountId?: string): ReportScope => {
  const [year, month] = period.split('-').map(Number) as [number, number];
  return { from: Date.UTC(year, month - 1), until: Date.UTC(year, month), upTo, accountId };
};

async function rowsOf(report: Report, scope: ReportScope, after?: string): Promise<ReportRow[]> {
  const rows: ReportRow[] = [];
  for await (const page of report.pages(scope, after)) rows.push(...page.rows);
  return rows;
}

const reports = () => {
  const freshness = new Freshness(database.dataSource);
  return {
    statement: new MonthlyStatementReport(database.dataSource, freshness),
    deferred: new DeferredRevenueReport(database.dataSource, freshness),
    trial: new TrialBalanceReport(database.dataSource, freshness),
  };
};
const sum = (amounts: Iterable<bigint>): bigint => [...amounts].reduce((total, amount) => total + amount, 0n);
const counted = (upTo: bigint, keep: (entry: JournalEntry) => boolean) => entries.filter((e) => e.position <= upTo && keep(e));

describe.each([
  ['at the end', () => END],
  ['at a position in the middle', () => entries[Math.floor(entries.length / 2)]?.position as bigint],
])('%s', (_, upToOf) => {
  test('the trial balance of each month is the sum of its entries, and opens as the one before closed', async () => {
    const upTo = upToOf();
    let before: Map<string, bigint> | undefined;
    for (const period of months) {
      const rows = await rowsOf(reports().trial, scopeOf(period, upTo));
      const opening = new Map(rows.map((row) => [row[0] as string, row[3] as bigint]));
      const closing = new Map(rows.map((row) => [row[0] as string, row[6] as bigint]));
      const nonzero = (of: Map<string, bigint>) => new Map([...of].filter(([, amount]) => amount !== 0n));
      expect(nonzero(opening)).toEqual(netOf(counted(upTo, (entry) => entry.period < period)));
      expect(nonzero(closing)).toEqual(netOf(counted(upTo, (entry) => entry.period <= period)));
      const inMonth = counted(upTo, (entry) => entry.period === period).flatMap((entry) => linesOf(entry));
      for (const [name, , , , debits, credits] of rows) {
        expect([name, debits]).toEqual([name, sum(inMonth.filter(([n, a]) => n === name && a > 0n).map(([, a]) => a))]);
        expect([name, credits]).toEqual([name, -sum(inMonth.filter(([n, a]) => n === name && a < 0n).map(([, a]) => a))]);
      }
      expect(sum(rows.map((row) => row[4] as bigint))).toBe(sum(rows.map((row) => row[5] as bigint)));
      expect(sum(opening.values())).toBe(0n);
      if (before) expect(opening).toEqual(before);
      before = closing;
    }
  });

  test('the roll-forward closes where it opened plus what moved, class by class, month by month', async () => {
    const upTo = upToOf();
    let before: bigint[] = [0n, 0n, 0n];
    for (const period of months) {
      const rows = await rowsOf(reports().deferred, scopeOf(period, upTo));
      expect(rows.map((row) => row[1])).toEqual(before);
      before = rows.map((row) => row.at(-1) as bigint);
      for (const row of rows) expect(sum(row.slice(1, -1) as bigint[])).toBe(row.at(-1));
      const repaid = counted(upTo, (entry) => entry.period === period && entry.type === 'ShortfallRepaid');
      expect(sum(rows.map((row) => row.at(-2) as bigint))).toBe(sum(repaid.map(({ owned }) => owned)));
      expect(sum(before)).toBe(sum(counted(upTo, (entry) => entry.period <= period).map(({ owned }) => owned)));
    }
  });

  test('a statement opens with what was, tells what changed and closes with what is', async () => {
    const upTo = upToOf();
    for (const period of months) {
      const rows = await rowsOf(reports().statement, scopeOf(period, upTo));
      const told = counted(upTo, (entry) => entry.period === period && (entry.owned !== 0n || entry.receivable !== 0n));
      expect(rows.filter((row) => row[1] === 'entry').map((row) => row[2])).toEqual(
        [...told]
          .sort((a, b) => (a.accountId === b.accountId ? Number(a.position - b.position) : a.accountId < b.accountId ? -1 : 1))
          .map((e) => e.position),
      );
      for (const accountId of new Set(rows.map((row) => row[0] as string))) {
        const of = rows.filter((row) => row[0] === accountId);
        expect(of.map((row) => row[1])).toEqual(['opening', ...of.slice(2).map(() => 'entry'), 'closing']);
        const was = counted(upTo, (entry) => entry.accountId === accountId && entry.period < period);
        const is = counted(upTo, (entry) => entry.accountId === accountId && entry.period <= period);
        expect(of[0]?.slice(8, 10)).toEqual([sum(was.map((e) => e.owned)), sum(was.map((e) => e.receivable))]);
        expect(of.at(-1)?.slice(8, 10)).toEqual([sum(is.map((e) => e.owned)), sum(is.map((e) => e.receivable))]);
        let balance = sum(was.map((e) => e.owned));
        let receivable = sum(was.map((e) => e.receivable));
        for (const row of of.slice(1, -1)) {
          balance += row[6] as bigint;
          receivable += row[7] as bigint;
          expect(row.slice(8, 10)).toEqual([balance, receivable]);
        }
      }
    }
  });
});

test('the statement of one account is its part of the statement of all', async () => {
  for (const period of months) {
    const all = await rowsOf(reports().statement, scopeOf(period));
    for (const accountId of new Set(entries.map((entry) => entry.accountId)))
      expect(await rowsOf(reports().statement, scopeOf(period, END, accountId))).toEqual(
        all.filter((row) => row[0] === accountId),
      );
  }
});

test('rebuilt in other batches, every row is the same', async () => {
  const rebuilt = await JournalDatabase.open();
  await rebuilt.fold(facts, 13);
  expect(await rebuilt.rows()).toEqual(await database.rows());
}, 60_000);
