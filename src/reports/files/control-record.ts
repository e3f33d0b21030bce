import { canonicalJson } from '../../event-store/canonical-json.js';
import { formatSignedCredits } from '../../kernel/credits.js';
import type { Report } from '../../kernel/report.js';
import { instantToText } from '../../kernel/time.js';
import type { Totals } from '../domain/totals.js';
import type { ReportRun } from '../runs-table.js';
import type { CoveringCheckpoint } from './covering-checkpoint.js';
import type { Format } from './formats.js';

/** Bytes of a finished file and their SHA-256. */
export interface FileDigest {
  readonly bytes: bigint;
  readonly sha256: Buffer;
}

/**
 * What an auditor checks the files against, as canonical JSON: the scope, the totals, what vouches for the events, and the digest
 * of every file. Nothing in it says when or where the run took place.
 */
export function controlRecord(
  report: Report,
  run: ReportRun,
  totals: Totals,
  files: Readonly<Partial<Record<Format, FileDigest>>>,
  checkpoint: CoveringCheckpoint | undefined,
): Buffer {
  const record = {
    report: report.name,
    title: report.title,
    columns: report.columns.map(({ name, type, total, nullable = false }) => ({ name, type, total: total ?? null, nullable })),
    scope: {
      period: run.period,
      from: instantToText(run.from),
      until: instantToText(run.until),
      up_to: run.upTo.toString(),
      account_id: run.accountId ?? null,
    },
    provisional: run.provisional,
    rows: Number(totals.rows),
    totals: { debits: formatSignedCredits(totals.debits), credits: formatSignedCredits(totals.credits) },
    first_position: totals.firstPosition?.toString() ?? null,
    last_position: totals.lastPosition?.toString() ?? null,
    checkpoint: checkpoint
      ? { id: checkpoint.id, size: checkpoint.size, root: checkpoint.root, position: checkpoint.position }
      : null,
    files: Object.fromEntries(
      Object.entries(files).map(([format, { bytes, sha256 }]) => [
        format,
        { bytes: Number(bytes), sha256: sha256.toString('hex') },
      ]),
    ),
  };
  return Buffer.from(`${canonicalJson(record)}\n`);
}
