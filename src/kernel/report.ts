import type { Instant } from './time.js';

/**
 * What a report is: named columns, and rows in an order that depends on nothing but the scope, so that the same scope gives the
 * same rows for ever. Who knows the figures implements it; who runs reports stores them, adds them up and hands them out.
 */
export interface Report {
  /** In addresses and file names: `monthly-statement`. */
  readonly name: string;
  readonly title: string;
  /** The range that one run covers, in UTC. */
  readonly covers: 'day' | 'month';
  /** Whether it can be asked for one account alone. */
  readonly byAccount: boolean;
  readonly columns: readonly ReportColumn[];
  /** Beginnings of the names of the streams that its figures come from; absent: every stream of the ledger. */
  readonly streamPrefixes?: readonly string[];
  /** Resolves true as soon as everything up to a position of the store is in the figures, false where it is not in time. */
  reached(position: bigint, timeoutMs: number): Promise<boolean>;
  /**
   * The rows, page by page, in bounded memory; from the beginning, or after the page that had this cursor. The pages too are the
   * same however often they are asked for.
   */
  pages(scope: ReportScope, after: string | undefined): AsyncIterable<ReportPage>;
}

export interface ReportColumn {
  /** snake_case, as in the exported files. */
  readonly name: string;
  readonly type: ReportColumnType;
  /** The control record adds the column up under this name: double entry shows there. */
  readonly total?: 'debits' | 'credits';
  /** May be empty. */
  readonly nullable?: boolean;
}

/**
 * text, day (`yyyy-mm-dd`) and month (`yyyy-mm`): strings. instant: milliseconds. count: an integer of any size. credits:
 * nano-credits, may be negative. position: of the store.
 */
export type ReportColumnType = 'text' | 'day' | 'month' | 'instant' | 'count' | 'credits' | 'position';

/** A value for each column, in their order: text, day, month: string; instant: number; count, credits, position: bigint. */
export type ReportRow = readonly (string | number | bigint | null)[];

export interface ReportPage {
  readonly rows: readonly ReportRow[];
  /** Where the next page begins; opaque to who runs the report. */
  readonly cursor: string;
}

/** What a run covers. */
export interface ReportScope {
  /** Start of the first day, UTC. */
  readonly from: Instant;
  /** End of the last day, not included. */
  readonly until: Instant;
  /** Events after this position of the store do not count. */
  readonly upTo: bigint;
  readonly accountId: string | undefined;
}
