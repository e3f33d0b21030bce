import { formatSignedCredits } from '../kernel/credits.js';
import { instantToText } from '../kernel/time.js';
import { FORMATS } from './files/formats.js';
import type { ReportRun } from './runs-table.js';

/** A run as the administration API shows it. */
export const runAnswer = (run: ReportRun): Record<string, unknown> => ({
  id: run.id,
  report: run.report,
  period: run.period,
  from: instantToText(run.from),
  until: instantToText(run.until),
  account_id: run.accountId ?? null,
  up_to: run.upTo.toString(),
  position: run.upTo.toString(),
  provisional: run.provisional,
  schedule_id: run.scheduleId ?? null,
  state: run.state,
  progress: { phase: run.phase, rows: Number(run.totals.rows) },
  totals: { debits: formatSignedCredits(run.totals.debits), credits: formatSignedCredits(run.totals.credits) },
  attempts: run.attempts,
  error: run.error ?? null,
  made_at: run.madeAt.toISOString(),
  started_at: run.startedAt?.toISOString() ?? null,
  ended_at: run.endedAt?.toISOString() ?? null,
});

/** The same with its control record, and where its files are. */
export const wholeRunAnswer = (run: ReportRun): Record<string, unknown> => ({
  ...runAnswer(run),
  control: run.control === undefined ? null : JSON.parse(run.control),
  files: run.state === 'done' ? FORMATS.map((format) => `/api/v3/admin/reports/${run.id}/download?format=${format}`) : [],
});
