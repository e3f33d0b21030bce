import { Injectable } from '@nestjs/common';
import { parseCredits } from '../kernel/credits.js';
import type { Report, ReportColumn, ReportPage, ReportRow, ReportScope } from '../kernel/report.js';
import { instantToText } from '../kernel/time.js';
import { ReconciliationsTable, type ReportedLine } from './reconciliations-table.js';

const PAGE_ROWS = 5_000;
const START = { firstDay: '', id: '', n: -1 };

/** Every line of the reconciliations whose range begins in a month, in the order of that day, of their ids and of their lines. */
@Injectable()
export class ProviderReconciliationReport implements Report {
  readonly name = 'provider-reconciliation';
  readonly title = 'Provider reconciliation';
  readonly covers = 'month';
  readonly byAccount = false;
  readonly streamPrefixes = ['reconciliation-'];
  readonly columns: readonly ReportColumn[] = [
    { name: 'reconciliation_id', type: 'text' },
    { name: 'provider', type: 'text' },
    { name: 'position', type: 'position' },
    { name: 'model', type: 'text' },
    { name: 'day', type: 'day' },
    { name: 'class', type: 'text' },
    { name: 'provider_requests', type: 'count', nullable: true },
    { name: 'charged_requests', type: 'count', nullable: true },
    { name: 'estimated_requests', type: 'count', nullable: true },
    { name: 'provider_prompt_tokens', type: 'count', nullable: true },
    { name: 'charged_prompt_tokens', type: 'count', nullable: true },
    { name: 'provider_completion_tokens', type: 'count', nullable: true },
    { name: 'charged_completion_tokens', type: 'count', nullable: true },
    { name: 'provider_cost', type: 'credits', nullable: true, total: 'debits' },
    { name: 'charged_cost', type: 'credits', nullable: true, total: 'credits' },
    { name: 'margin', type: 'credits', nullable: true },
  ];

  constructor(private readonly table: ReconciliationsTable) {}

  /** What was compared is kept before anybody is told of it. */
  async reached(): Promise<boolean> {
    return true;
  }

  async *pages({ from, until, upTo }: ReportScope, after: string | undefined): AsyncIterable<ReportPage> {
    let place = after === undefined ? START : (JSON.parse(after) as typeof START);
    for (;;) {
      const lines = await this.table.reported(dayOf(from), dayOf(until), upTo, place, PAGE_ROWS);
      const last = lines.at(-1);
      if (!last) return;
      place = { firstDay: last.firstDay, id: last.id, n: last.n };
      yield { rows: lines.map((line) => this.rowOf(line)), cursor: JSON.stringify(place) };
      if (lines.length < PAGE_ROWS) return;
    }
  }

  private rowOf({ id, provider, position, line }: ReportedLine): ReportRow {
    const about: Readonly<Record<string, string | bigint | null>> = { ...line, reconciliation_id: id, provider, position };
    return this.columns.map(({ name, type }) => {
      const value = about[name] ?? null;
      if (typeof value !== 'string') return value;
      if (type === 'count') return BigInt(value);
      return type === 'credits' ? nanoOf(value) : value;
    });
  }
}

const dayOf = (at: number): string => instantToText(at).slice(0, 'yyyy-mm-dd'.length);

/** Throws where the text is no amount: the table holds none. */
function nanoOf(decimal: string): bigint {
  const amount = parseCredits(decimal.replace('-', ''));
  if (amount === undefined) throw new Error(`${decimal} is no amount`);
  return decimal.startsWith('-') ? -amount : amount;
}
