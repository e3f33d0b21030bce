import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Report, ReportColumn, ReportPage, ReportScope } from '../../src/kernel/report.js';
import { Freshness } from '../runtime/freshness.js';
import { CHART } from './chart.projection.js';
import { journal } from './journal.projection.js';
import { readAtOnce } from './journal-reads.js';
import { readFigures } from './ledger-figures.js';
import { monthAskedOf } from './report-scope.js';

/** Every ledger account of a month: opening, debits, credits, closing. Debits equal credits; openings and closings sum to zero. */
@Injectable()
export class TrialBalanceReport implements Report {
  readonly name = 'trial-balance';
  readonly title = 'Trial balance';
  readonly covers = 'month';
  readonly byAccount = true;
  readonly streamPrefixes = journal.streamPrefixes;
  readonly columns: readonly ReportColumn[] = [
    { name: 'ledger_account', type: 'text' },
    { name: 'account_type', type: 'text' },
    { name: 'normal_side', type: 'text' },
    { name: 'opening', type: 'credits' },
    { name: 'debits', type: 'credits', total: 'debits' },
    { name: 'credits', type: 'credits', total: 'credits' },
    { name: 'closing', type: 'credits' },
  ];

  constructor(
    private readonly dataSource: DataSource,
    private readonly freshness: Freshness,
  ) {}

  reached(position: bigint, timeoutMs: number): Promise<boolean> {
    return this.freshness.waitFor(journal, position, timeoutMs);
  }

  /** One page: the chart. */
  async *pages(scope: ReportScope, after: string | undefined): AsyncIterable<ReportPage> {
    if (after !== undefined) return;
    const asked = monthAskedOf(scope);
    const figures = await readAtOnce(this.dataSource, asked, (manager) => readFigures(manager, asked));
    const rows = CHART.map(({ ledgerAccount, type, normalSide }) => {
      const { opening, debits, credits } = figures.get(ledgerAccount) ?? { opening: 0n, debits: 0n, credits: 0n };
      return [ledgerAccount, type, normalSide, opening, debits, credits, opening + debits - credits];
    });
    yield { rows, cursor: 'end' };
  }
}
