import { createHash } from 'node:crypto';
import { LEDGER_PREFIXES } from '../audit/checkpoints/checkpoint.events.js';
import { canonicalJson } from '../event-store/canonical-json.js';
import type { EventStore } from '../event-store/event-store.js';
import { type JobRequests } from '../jobs/index.js';
import { isAccountId } from '../kernel/ids.js';
import type { Report } from '../kernel/report.js';
import type { Clock, Instant } from '../kernel/time.js';
import { isOver, type Period, periodOf } from './domain/period.js';
import type { ReportCatalogue } from './report-catalogue.js';
import { RUN_REPORT } from './run-report.job.js';
import type { NewRun, ReportRun, RunsTable } from './runs-table.js';

/** What an administrator asks for. */
export interface ReportRequest {
  readonly report: string;
  /** `yyyy-mm` or `yyyy-mm-dd`, as the report covers. */
  readonly period: string;
  readonly accountId: string | undefined;
  /** Whether a period that is not over will do. */
  readonly allowOpen: boolean;
}

export type ReportRejection =
  | { readonly reason: 'report_unknown' }
  | { readonly reason: 'period_malformed'; readonly covers: Report['covers'] }
  | { readonly reason: 'period_open'; readonly until: Instant }
  | { readonly reason: 'report_not_by_account' }
  | { readonly reason: 'account_unknown' };

/**
 * Makes a run of a report and hands it to the queue. What it counts is fixed here: the period, and the ledger as it stands. Asked
 * again while nothing has been added to the ledger, it is the same run.
 */
export class RequestReport {
  constructor(
    private readonly catalogue: ReportCatalogue,
    private readonly runs: RunsTable,
    private readonly jobs: JobRequests,
    private readonly store: Pick<EventStore, 'headPosition' | 'read'>,
    private readonly clock: Clock,
  ) {}

  /** Throws EventStoreUnavailable. */
  async request({ report: name, period: text, accountId, allowOpen }: ReportRequest): Promise<ReportRun | ReportRejection> {
    const report = this.catalogue.find(name);
    if (!report) return { reason: 'report_unknown' };
    const period = periodOf(report.covers, text);
    if (!period) return { reason: 'period_malformed', covers: report.covers };
    if (accountId !== undefined && !report.byAccount) return { reason: 'report_not_by_account' };
    if (accountId !== undefined && !(await this.isThere(accountId))) return { reason: 'account_unknown' };
    const provisional = !isOver(period, this.clock.now());
    if (provisional && !allowOpen) return { reason: 'period_open', until: period.until };
    const upTo = await this.head(report);
    const id = runIdOf('request', report.name, period.text, accountId ?? null, upTo.toString(), provisional);
    const made = await this.runs.make(newRun(id, report, period, { upTo, accountId, provisional, scheduleId: undefined }));
    await this.enqueue(made.run);
    return made.run;
  }

  /** How far the ledger goes that a report made now counts. Throws EventStoreUnavailable. */
  head({ streamPrefixes = LEDGER_PREFIXES }: Report): Promise<bigint> {
    return this.store.headPosition(streamPrefixes);
  }

  /** Has the queue hold a run that is to be carried out. */
  async enqueue({ id, state }: ReportRun): Promise<void> {
    if (state === 'queued' || state === 'running') await this.jobs.add(RUN_REPORT, id, { run_id: id });
  }

  /** Has one that was given up tried again; its stored rows are gone on from. @returns whether it had been given up */
  async rerun(id: string): Promise<boolean> {
    if (!(await this.runs.requeue(id))) return false;
    if (!(await this.jobs.rerun(RUN_REPORT, id))) await this.jobs.add(RUN_REPORT, id, { run_id: id });
    return true;
  }

  private async isThere(accountId: string): Promise<boolean> {
    if (!isAccountId(accountId)) return false;
    for await (const _ of this.store.read(`account-${accountId}`)) return true;
    return false;
  }
}

/** The same parts give the same id. */
export const runIdOf = (...parts: readonly (string | boolean | null)[]): string =>
  `run-${createHash('sha256').update(canonicalJson(parts)).digest('hex').slice(0, 32)}`;

export const newRun = (
  id: string,
  report: Report,
  { text, from, until }: Period,
  rest: Pick<NewRun, 'upTo' | 'accountId' | 'provisional' | 'scheduleId'>,
): NewRun => ({ id, report: report.name, period: text, from, until, ...rest });
