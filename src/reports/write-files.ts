import { createHash } from 'node:crypto';
import type { Report } from '../kernel/report.js';
import { controlRecord, type FileDigest } from './files/control-record.js';
import type { CoveringCheckpoint } from './files/covering-checkpoint.js';
import { csvHeader, csvOf } from './files/csv.js';
import { FileSink } from './files/file-sink.js';
import type { Format } from './files/formats.js';
import { rowsOfJsonLines } from './files/json-lines.js';
import { ParquetFile } from './files/parquet.js';
import { type Connection, inTransaction } from './finance-database.js';
import type { ReportRun } from './runs-table.js';

/**
 * The second half of a run: the files, from the rows that are stored, in one pass. The rows as they are stored are the JSON Lines.
 * An attempt that ended in the middle is begun anew; the same rows give the same bytes. The control record, the digests and the
 * end of the run come in one transaction.
 * @param stop throws where the process ends
 */
export async function writeFiles(
  connection: Connection,
  report: Report,
  run: ReportRun,
  checkpoint: CoveringCheckpoint | undefined,
  stop: () => void,
): Promise<void> {
  await connection.query(`DELETE FROM finance.report_chunk WHERE run_id = $1 AND format <> 'jsonl'`, [run.id]);
  const digests = await writeFromRows(connection, report, run, stop);
  const control = controlRecord(report, run, run.totals, digests, checkpoint);
  await inTransaction(connection, async () => {
    const sink = new FileSink(connection, run.id, 'control');
    await sink.append(control);
    const files = { ...digests, control: await sink.end() };
    for (const [format, { bytes, sha256 }] of Object.entries(files)) {
      await connection.query(
        `INSERT INTO finance.report_file (run_id, format, bytes, sha256) VALUES ($1, $2, $3, $4)
         ON CONFLICT (run_id, format) DO UPDATE SET bytes = excluded.bytes, sha256 = excluded.sha256`,
        [run.id, format, bytes.toString(), sha256],
      );
    }
    await connection.query(
      `UPDATE finance.report_run SET state = 'done', phase = 'done', error = NULL, control = $2, ended_at = now() WHERE id = $1`,
      [run.id, control.toString()],
    );
  });
}

async function writeFromRows(
  connection: Connection,
  { columns }: Report,
  run: ReportRun,
  stop: () => void,
): Promise<Record<Exclude<Format, 'control'>, FileDigest>> {
  const jsonLines = createHash('sha256');
  const csv = new FileSink(connection, run.id, 'csv');
  const parquetSink = new FileSink(connection, run.id, 'parquet');
  const parquet = new ParquetFile(columns, (bytes) => parquetSink.append(bytes));
  await csv.append(csvHeader(columns));
  for (let n = 0; n < run.chunks; n++) {
    stop();
    const bytes = await rowsStored(connection, run.id, n);
    jsonLines.update(bytes);
    const rows = rowsOfJsonLines(columns, bytes);
    await csv.append(csvOf(columns, rows));
    await parquet.append(rows);
  }
  await parquet.end();
  return {
    csv: await csv.end(),
    jsonl: { bytes: run.bytes, sha256: jsonLines.digest() },
    parquet: await parquetSink.end(),
  };
}

async function rowsStored(connection: Connection, runId: string, n: number): Promise<Buffer> {
  const { rows } = await connection.query<{ bytes: Buffer }>(
    `SELECT bytes FROM finance.report_chunk WHERE run_id = $1 AND format = 'jsonl' AND n = $2`,
    [runId, n],
  );
  const [stored] = rows;
  if (!stored) throw new Error(`page ${n} of the run ${runId} is missing`);
  return stored.bytes;
}
