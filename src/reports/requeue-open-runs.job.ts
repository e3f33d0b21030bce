import type { Job, JobRequests } from '../jobs/index.js';
import { RUN_REPORT } from './run-report.job.js';
import type { RunsTable } from './runs-table.js';

const RUNS_MAX = 1_000;

/**
 * Brings the runs and the queue together again: a process may end between storing the one and telling the other, and a job whose
 * processes die too often is given up by the queue alone.
 */
export class RequeueOpenRunsJob implements Job {
  readonly name = 'requeue-open-reports';
  readonly everyMs = 60_000;

  constructor(
    private readonly runs: RunsTable,
    private readonly jobs: JobRequests,
  ) {}

  async run(): Promise<void> {
    for (const { id } of await this.runs.open(RUNS_MAX)) {
      const state = await this.jobs.state(RUN_REPORT, id);
      if (state === 'failed') await this.runs.failed(id, 'the processes that worked at it ended', true);
      // Done in the meantime, it is looked up once more and left alone.
      if (state === 'unknown') await this.jobs.add(RUN_REPORT, id, { run_id: id });
    }
  }
}
