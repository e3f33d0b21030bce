import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Report, ReportColumn, ReportPage, ReportRow, ReportScope } from '../../src/kernel/report.js';
import { Freshness } from '../runtime/freshness.js';
import {
  ADJUSTMENTS,
  AVAILABLE,
  BREAKAGE,
  CASH_REFUNDS,
  CLAW_BACKS,
  FROZEN,
  GRANTED,
  HELD,
  type LedgerAccount,
  LOT_CLASSES,
  type LotClass,
  REFUNDS,
  USAGE,
} from './chart.projection.js';
import { journal } from './journal.projection.js';
import { readAtOnce } from './journal-reads.js';
import { type Figures, readFigures } from './ledger-figures.js';
import { monthAskedOf } from './report-scope.js';

/** What the columns between opening and closing are the movements of, each with the sign that it has for the liability. */
const MOVEMENTS: readonly Readonly<Record<LotClass, LedgerAccount>>[] = [
  GRANTED,
  USAGE,
  BREAKAGE,
  REFUNDS,
  CASH_REFUNDS,
  CLAW_BACKS,
  ADJUSTMENTS,
];

/**
 * The roll-forward of what customers have and have not used yet, by class of lot: closing = opening + every column between them.
 * Movements that reduce it are negative. What repaid a shortfall was earned when it arose, and stands apart.
 */
@Injectable()
export class DeferredRevenueReport implements Report {
  readonly name = 'deferred-revenue';
  readonly title = 'Deferred revenue roll-forward';
  readonly covers = 'month';
  readonly byAccount = true;
  readonly streamPrefixes = journal.streamPrefixes;
  readonly columns: readonly ReportColumn[] = [
    { name: 'lot_class', type: 'text' },
    ...[
      'opening',
      'granted',
      'used',
      'breakage',
      'refunds',
      'cash_refunds',
      'claw_backs',
      'adjustments',
      'shortfall_repaid',
      'closing',
    ].map((name) => ({ name, type: 'credits' as const })),
  ];

  constructor(
    private readonly dataSource: DataSource,
    private readonly freshness: Freshness,
  ) {}

  reached(position: bigint, timeoutMs: number): Promise<boolean> {
    return this.freshness.waitFor(journal, position, timeoutMs);
  }

  /** One page: a row for each class. */
  async *pages(scope: ReportScope, after: string | undefined): AsyncIterable<ReportPage> {
    if (after !== undefined) return;
    const asked = monthAskedOf(scope);
    const figures = await readAtOnce(this.dataSource, asked, (manager) => readFigures(manager, asked));
    yield { rows: rollForward(figures), cursor: 'end' };
  }
}

const NOTHING: Figures = { opening: 0n, debits: 0n, credits: 0n };

/** Throws where what repaid shortfalls is not what the receivable says: then a row of the journal was changed by hand. */
export function rollForward(figures: ReadonlyMap<LedgerAccount, Figures>): ReportRow[] {
  const of = (ledgerAccount: LedgerAccount): Figures => figures.get(ledgerAccount) ?? NOTHING;
  let allRepaid = 0n;
  const rows = LOT_CLASSES.map((lotClass) => {
    const owned = [AVAILABLE, HELD, FROZEN].map((names) => of(names[lotClass]));
    const opening = -sum(owned.map((each) => each.opening));
    const closing = opening - sum(owned.map(({ debits, credits }) => debits - credits));
    const movements = MOVEMENTS.map((names) => of(names[lotClass]).debits - of(names[lotClass]).credits);
    const repaid = closing - opening - sum(movements);
    allRepaid += repaid;
    return [lotClass, opening, ...movements, repaid, closing];
  });
  const { debits, credits } = of('refunds:waived');
  if (-allRepaid !== of('receivable').credits - (debits - credits))
    throw new Error('what lots repaid of shortfalls is not what the receivable was credited with');
  return rows;
}

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);
