/** A statement in pages: resumed after any of them it gives the rest, and what happens meanwhile moves no page. */
import { expect, test } from '@jest/globals';
import { MonthlyStatementReport } from '../../projections/journal/monthly-statement.report.js';
import { Freshness } from '../../projections/runtime/freshness.js';
import type { Fact } from '../../projections/runtime/projection.js';
import type { ReportPage, ReportScope } from '../../src/kernel/report.js';
import { JournalDatabase } from '../support/journal-database.js';

const DAY = '2026-02-28T23:59:59.999Z';
const facts: Fact[] = [];

function put(accountId: string, n: number, occurredAt = DAY, owner = facts): void {
  const data = {
    lotId: `lot-${n}`,
    grantId: `g${n}`,
    kind: 'promo',
    amount: `${1000 + n}`,
    costBasis: '0',
    currency: 'USD',
    priority: 1,
    effectiveAt: DAY,
  };
  const at = { revision: BigInt(n), position: BigInt(facts.length + (owner === facts ? 0 : owner.length)) };
  owner.push({ stream: `account-${accountId}`, type: 'CreditsGranted', ...at, metadata: { occurredAt }, data });
}

/** As bytes: big integers as text. */
const bytes = (pages: readonly ReportPage[]): string =>
  JSON.stringify(pages, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));

async function collect(pages: AsyncIterable<ReportPage>): Promise<ReportPage[]> {
  const all: ReportPage[] = [];
  for await (const page of pages) all.push(page);
  return all;
}

test('pages are the same however often they are asked for, from any of them on, whatever happens meanwhile', async () => {
  // One account longer than several reads, one that ends where a read does, many short ones, and such with an opening alone.
  for (let n = 0; n < 12_000; n++) put('longest', n);
  for (let n = 0; n < 5_000; n++) put('exact', n);
  for (let n = 0; n < 2_500; n++) put(`short${String(n).padStart(4, '0')}`, 0, n % 3 === 0 ? '2026-01-31T00:00:00.000Z' : DAY);
  for (let n = 0; n < 50; n++) put(`zzz${n}`, 0, '2026-03-01T00:00:00.000Z');
  const database = await JournalDatabase.open();
  await database.fold(facts);
  const report = new MonthlyStatementReport(database.dataSource, new Freshness(database.dataSource));
  const upTo = BigInt(facts.length - 1);
  const scope: ReportScope = { from: Date.UTC(2026, 1), until: Date.UTC(2026, 2), upTo, accountId: undefined };

  const pages = await collect(report.pages(scope, undefined));
  const rows = pages.flatMap((page) => page.rows);
  const withEntry = 2_500 - 834;
  expect(rows.length).toBe(12_002 + 5_002 + withEntry * 3 + 834 * 2);
  expect(pages.slice(0, -1).every((page) => page.rows.length === 5_000)).toBe(true);
  expect(rows.some(([accountId]) => String(accountId).startsWith('zzz'))).toBe(false);

  // Afterwards: accounts before, between and behind, and more in the month for those that were there.
  const later: Fact[] = [];
  for (let n = 0; n < 1_500; n++) put(`a${String(n).padStart(5, '0')}`, 0, n % 2 === 0 ? DAY : '2026-01-01T00:00:00.000Z', later);
  for (let n = 0; n < 100; n++) put('longest', 12_000 + n, n % 2 === 0 ? DAY : '2026-01-01T00:00:00.000Z', later);
  await database.fold(later);
  expect(bytes(await collect(report.pages(scope, undefined)))).toBe(bytes(pages));
  for (const [index, page] of pages.entries()) {
    const rest = await collect(report.pages(scope, page.cursor));
    expect(bytes(rest)).toBe(bytes(pages.slice(index + 1)));
  }

  const of = await collect(report.pages({ ...scope, accountId: 'exact' }, undefined));
  expect(of.flatMap((page) => page.rows)).toEqual(rows.filter(([accountId]) => accountId === 'exact'));
}, 120_000);
