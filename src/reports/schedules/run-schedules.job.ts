import { Logger } from '@nestjs/common';
import type { Job } from '../../jobs/index.js';
import type { Clock, Instant } from '../../kernel/time.js';
import { slotsToRun } from '../domain/misfire.js';
import { lastEndedPeriod } from '../domain/period.js';
import type { Connection, FinanceDatabase } from '../finance-database.js';
import type { ReportCatalogue } from '../report-catalogue.js';
import { newRun, type RequestReport, runIdOf } from '../request-report.js';
import type { ReportRun, RunsTable } from '../runs-table.js';
import type { SchedulesTable, StoredSchedule } from './schedules-table.js';
import { slotsBetween } from './slots.js';

/** Of one schedule at a time; the rest follows with the next look. */
const SLOTS_MAX = 500;
const ERROR_MAX = 500;

/**
 * Looks which schedules are due, and makes the runs of their slots. Slot and run are stored in one transaction that holds the
 * schedule, so that two processes make one run of it; the queue is told afterwards, and what it was not told the look after open
 * runs finds.
 */
export class RunSchedulesJob implements Job {
  readonly name = 'run-report-schedules';
  readonly everyMs = 30_000;
  private readonly logger = new Logger('reports');

  constructor(
    private readonly database: FinanceDatabase,
    private readonly schedules: SchedulesTable,
    private readonly runs: RunsTable,
    private readonly reports: RequestReport,
    private readonly catalogue: ReportCatalogue,
    private readonly clock: Clock,
  ) {}

  async run(): Promise<void> {
    for (const { id, enabled } of await this.schedules.list()) {
      if (!enabled) continue;
      try {
        await this.look(id);
      } catch (error) {
        const { message } = error as Error;
        this.logger.error({ msg: 'a schedule of a report could not be followed', schedule: id, error: message });
        await this.schedules.failed(id, message.slice(0, ERROR_MAX));
      }
    }
  }

  private async look(id: string): Promise<void> {
    const made = await this.database.transaction(async (connection) => {
      const schedule = await this.schedules.hold(id, connection);
      return schedule ? this.runDue(schedule, connection) : [];
    });
    for (const run of made) await this.reports.enqueue(run);
  }

  private async runDue(schedule: StoredSchedule, connection: Connection): Promise<readonly ReportRun[]> {
    const now = this.clock.now();
    const due = slotsBetween(schedule, schedule.handledUntil, now, SLOTS_MAX);
    const last = due.at(-1);
    if (last === undefined) return [];
    // The latest of all is known only where the look has reached the present.
    const isCutOff = due.length === SLOTS_MAX && schedule.misfire === 'run_latest';
    const slots = isCutOff ? [] : slotsToRun(schedule.misfire, due, now);
    const made: ReportRun[] = [];
    for (const slot of slots) made.push(await this.makeRun(schedule, slot, connection));
    const run = made.at(-1);
    const ran = slots.at(-1);
    await this.schedules.handled(schedule, last, run && ran !== undefined ? { slot: ran, runId: run.id } : undefined, connection);
    return made;
  }

  /** Reports the last whole day or month that had ended at the slot. */
  private async makeRun(schedule: StoredSchedule, slot: Instant, connection: Connection): Promise<ReportRun> {
    const report = this.catalogue.find(schedule.report);
    if (!report) throw new Error(`there is no report ${schedule.report}`);
    const period = lastEndedPeriod(report.covers, slot);
    const { accountId } = schedule;
    const id = runIdOf('schedule', schedule.id, report.name, period.text, accountId ?? null);
    const upTo = await this.reports.head(report);
    const run = newRun(id, report, period, { upTo, accountId, provisional: false, scheduleId: schedule.id });
    return (await this.runs.make(run, connection)).run;
  }
}
