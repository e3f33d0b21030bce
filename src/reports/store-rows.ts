import type { Report, ReportPage } from '../kernel/report.js';
import { addRows, NO_TOTALS } from './domain/totals.js';
import { jsonLinesOf } from './files/json-lines.js';
import { checkRow } from './files/values.js';
import { type Connection, inTransaction } from './finance-database.js';
import type { ReportRun } from './runs-table.js';

/**
 * The first half of a run: every page of the report is stored with the cursor behind it in one transaction, so that an attempt
 * goes on after the last page of the one before, wherever that ended. The commits do not wait for the disk: a crash of PostgreSQL
 * may take the last ones, pages and cursor together, and they are asked for again.
 * @param stop throws where the process ends
 * @returns the run with all its rows
 */
export async function storeRows(connection: Connection, report: Report, run: ReportRun, stop: () => void): Promise<ReportRun> {
  const scope = { from: run.from, until: run.until, upTo: run.upTo, accountId: run.accountId };
  let stored = run;
  for await (const page of report.pages(scope, run.cursor)) {
    stop();
    stored = await storePage(connection, report, stored, page);
  }
  return stored;
}

async function storePage(
  connection: Connection,
  report: Report,
  run: ReportRun,
  { rows, cursor }: ReportPage,
): Promise<ReportRun> {
  for (const row of rows) checkRow(report.columns, row);
  const lines = jsonLinesOf(report.columns, rows);
  const ofPage = addRows(NO_TOTALS, report.columns, rows);
  const totals = addRows(run.totals, report.columns, rows);
  await inTransaction(connection, async () => {
    await connection.query('SET LOCAL synchronous_commit = off');
    const { rowCount } = await connection.query(
      `UPDATE finance.report_run SET chunks = chunks + 1, cursor = $3, bytes = bytes + $4, row_count = $5, debits = $6, credits = $7,
         first_position = $8, last_position = $9
       WHERE id = $1 AND chunks = $2 AND state = 'running'`,
      [
        run.id,
        run.chunks,
        cursor,
        lines.length,
        totals.rows.toString(),
        totals.debits.toString(),
        totals.credits.toString(),
        totals.firstPosition?.toString() ?? null,
        totals.lastPosition?.toString() ?? null,
      ],
    );
    if (rowCount !== 1) throw new Error(`another process goes on with the run ${run.id}`);
    await connection.query(
      `INSERT INTO finance.report_chunk (run_id, format, n, start_byte, cursor, row_count, debits, credits, bytes)
       VALUES ($1, 'jsonl', $2, $3, $4, $5, $6, $7, $8)`,
      [run.id, run.chunks, run.bytes.toString(), cursor, rows.length, ofPage.debits.toString(), ofPage.credits.toString(), lines],
    );
  });
  return { ...run, chunks: run.chunks + 1, cursor, bytes: run.bytes + BigInt(lines.length), totals };
}
