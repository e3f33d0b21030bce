import type { PoolClient } from 'pg';
import type { EventStore } from '../event-store/event-store.js';
import { type Job, type JobAttempt, JobInterrupted } from '../jobs/index.js';
import { findCoveringCheckpoint } from './files/covering-checkpoint.js';
import type { FinanceDatabase } from './finance-database.js';
import type { ReportCatalogue } from './report-catalogue.js';
import type { ReportRun, RunsTable } from './runs-table.js';
import { storeRows } from './store-rows.js';
import { writeFiles } from './write-files.js';

export const RUN_REPORT = 'run-report';

const REACHED_WITHIN_MS = 10_000;
/** Until the figures are looked at again: other reports may have theirs. */
const NOT_REACHED_PAUSE_MS = 5_000;
const ERROR_MAX = 500;

/**
 * Carries out a run, or goes on with it. Of two attempts at once one waits for the other and finds it done: they hold a lock of the
 * very connection that they write by.
 */
export class RunReportJob implements Job {
  readonly name = RUN_REPORT;
  readonly queue = 'finance';

  constructor(
    private readonly database: FinanceDatabase,
    private readonly runs: RunsTable,
    private readonly catalogue: ReportCatalogue,
    private readonly store: Pick<EventStore, 'readBackwards'>,
  ) {}

  /** Throws what the report or the stores throw, so that the queue tries again, and JobInterrupted. */
  async run(data: unknown, progress: (done: number) => Promise<void>, attempt: JobAttempt): Promise<void> {
    const { run_id: id } = data as { run_id: string };
    try {
      await this.database.locked(`report run ${id}`, async (connection) => {
        const run = await this.runs.find(id, connection);
        if (run && run.state !== 'done') await this.carryOut(connection, run, progress, attempt);
      });
    } catch (error) {
      if (!(error instanceof JobInterrupted))
        await this.runs.failed(id, (error as Error).message.slice(0, ERROR_MAX), attempt.isLast);
      throw error;
    }
  }

  private async carryOut(
    connection: PoolClient,
    run: ReportRun,
    progress: (done: number) => Promise<void>,
    { number, stopping }: JobAttempt,
  ): Promise<void> {
    const report = this.catalogue.find(run.report);
    if (!report) throw new Error(`there is no report ${run.report}`);
    const stop = () => {
      if (stopping.aborted) throw new JobInterrupted();
    };
    await this.runs.started(run.id, number, connection);
    stop();
    if (!(await report.reached(run.upTo, REACHED_WITHIN_MS)))
      throw new JobInterrupted('the figures have not come so far', NOT_REACHED_PAUSE_MS);
    await this.runs.entered(run.id, 'rows', connection);
    const whole = await storeRows(connection, report, run, stop);
    await this.runs.entered(run.id, 'files', connection);
    await progress(Number(whole.totals.rows));
    const checkpoint = await findCoveringCheckpoint(this.store, run.upTo);
    await writeFiles(connection, report, whole, checkpoint, stop);
  }
}
