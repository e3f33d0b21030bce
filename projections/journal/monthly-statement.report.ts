import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Report, ReportColumn, ReportPage, ReportRow, ReportScope } from '../../src/kernel/report.js';
import { Freshness } from '../runtime/freshness.js';
import { journal } from './journal.projection.js';
import { readAtOnce } from './journal-reads.js';
import { monthAskedOf } from './report-scope.js';
import { type Place, placeAfter, placeFromCursor, readStatement, START } from './statement-rows.js';

const PAGE_ROWS = 5_000;

/**
 * What an account had, got, used and has: for each account an opening, a row for each event that changed its credits or what it owes,
 * and a closing. Amounts are positive where the account gains. An account that had and got nothing is left out.
 */
@Injectable()
export class MonthlyStatementReport implements Report {
  readonly name = 'monthly-statement';
  readonly title = 'Monthly statement';
  readonly covers = 'month';
  readonly byAccount = true;
  readonly streamPrefixes = journal.streamPrefixes;
  readonly columns: readonly ReportColumn[] = [
    { name: 'account_id', type: 'text' },
    { name: 'line', type: 'text' },
    { name: 'position', type: 'position', nullable: true },
    { name: 'time', type: 'instant', nullable: true },
    { name: 'type', type: 'text', nullable: true },
    { name: 'reference', type: 'text', nullable: true },
    { name: 'amount', type: 'credits', nullable: true },
    { name: 'receivable_change', type: 'credits', nullable: true },
    { name: 'balance', type: 'credits' },
    { name: 'receivable', type: 'credits' },
    { name: 'period', type: 'month' },
    { name: 'original_period', type: 'month', nullable: true },
  ];

  constructor(
    private readonly dataSource: DataSource,
    private readonly freshness: Freshness,
  ) {}

  reached(position: bigint, timeoutMs: number): Promise<boolean> {
    return this.freshness.waitFor(journal, position, timeoutMs);
  }

  /**
   * Pages of so many rows each, wherever the reads behind them end: an account that was opened since must not move a page's end. A
   * cursor says what the last row of its page did, so that the balance runs on.
   */
  async *pages(scope: ReportScope, after: string | undefined): AsyncIterable<ReportPage> {
    const asked = monthAskedOf(scope);
    let rows: ReportRow[] = [];
    let place: Place | undefined = after === undefined ? START : placeFromCursor(after);
    while (place !== undefined) {
      const from: Place = place;
      const read = await readAtOnce(this.dataSource, asked, (manager) => readStatement(manager, asked, from));
      place = read.next;
      rows = rows.concat(read.rows);
      for (; rows.length >= PAGE_ROWS; rows = rows.slice(PAGE_ROWS)) yield page(rows.slice(0, PAGE_ROWS));
    }
    if (rows.length > 0) yield page(rows);
  }
}

const page = (rows: readonly ReportRow[]): ReportPage => ({
  rows,
  cursor: JSON.stringify(placeAfter(rows.at(-1) as ReportRow), (_, value) =>
    typeof value === 'bigint' ? value.toString() : value,
  ),
});
