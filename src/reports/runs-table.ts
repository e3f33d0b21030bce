import { isStorable } from '../http/validation.js';
import type { Instant } from '../kernel/time.js';
import { NO_TOTALS, type Totals } from './domain/totals.js';
import type { Connection, FinanceDatabase } from './finance-database.js';

export const RUN_STATES = ['queued', 'running', 'done', 'failed'] as const;
export type RunState = (typeof RUN_STATES)[number];

/** What a run is for; the same for ever. */
export interface NewRun {
  readonly id: string;
  readonly report: string;
  /** `yyyy-mm` or `yyyy-mm-dd`. */
  readonly period: string;
  readonly from: Instant;
  readonly until: Instant;
  readonly upTo: bigint;
  readonly accountId: string | undefined;
  /** The period was not over when it was asked for. */
  readonly provisional: boolean;
  readonly scheduleId: string | undefined;
}

export interface ReportRun extends NewRun {
  /** Counts up: newest last. */
  readonly number: bigint;
  readonly state: RunState;
  /** waiting: for the figures to reach `upTo`. rows: they are stored. files: the files are written from them. */
  readonly phase: 'waiting' | 'rows' | 'files' | 'done';
  readonly attempts: number;
  readonly error: string | undefined;
  /** Behind the last page that is stored, and how many there are. */
  readonly cursor: string | undefined;
  readonly chunks: number;
  /** Of the rows as they are stored. */
  readonly bytes: bigint;
  readonly totals: Totals;
  /** JSON text, once it is done. */
  readonly control: string | undefined;
  readonly madeAt: Date;
  readonly startedAt: Date | undefined;
  readonly endedAt: Date | undefined;
}

export interface RunFilter {
  readonly report?: string | undefined;
  readonly state?: RunState | undefined;
  readonly period?: string | undefined;
  /** Only runs that were made before the one of this number. */
  readonly before?: bigint | undefined;
}

interface Row {
  readonly [column: string]: string | number | boolean | Date | null;
}

/** The runs of reports in PostgreSQL: who asked for what, and how far it is. */
export class RunsTable {
  constructor(private readonly database: FinanceDatabase) {}

  /** Makes a run unless it is there. @returns the one that is there then, and whether it is new */
  async make(run: NewRun, connection: Connection = this.database): Promise<{ run: ReportRun; isNew: boolean }> {
    const { rowCount } = await connection.query(
      `INSERT INTO finance.report_run
         (id, report, period, from_ms, until_ms, up_to, account_id, provisional, schedule_id, state, phase)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'queued', 'waiting') ON CONFLICT (id) DO NOTHING`,
      [
        run.id,
        run.report,
        run.period,
        run.from,
        run.until,
        run.upTo.toString(),
        run.accountId ?? null,
        run.provisional,
        run.scheduleId ?? null,
      ],
    );
    const made = await this.find(run.id, connection);
    if (!made) throw new Error(`the run ${run.id} was made and is not there`);
    return { run: made, isNew: rowCount === 1 };
  }

  async find(id: string, connection: Connection = this.database): Promise<ReportRun | undefined> {
    if (!isStorable(id)) return undefined;
    const { rows } = await connection.query<Row>('SELECT * FROM finance.report_run WHERE id = $1', [id]);
    return rows[0] && runOf(rows[0]);
  }

  /** Newest first. */
  async list({ report, state, period, before }: RunFilter, limit: number): Promise<readonly ReportRun[]> {
    const { rows } = await this.database.query<Row>(
      `SELECT * FROM finance.report_run
       WHERE ($1::text IS NULL OR report = $1) AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR period = $3)
         AND ($4::bigint IS NULL OR number < $4)
       ORDER BY number DESC LIMIT $5`,
      [report ?? null, state ?? null, period ?? null, before?.toString() ?? null, limit],
    );
    return rows.map(runOf);
  }

  /** Those that the queue should hold, oldest first. */
  async open(limit: number): Promise<readonly ReportRun[]> {
    const { rows } = await this.database.query<Row>(
      `SELECT * FROM finance.report_run WHERE state IN ('queued', 'running') ORDER BY number LIMIT $1`,
      [limit],
    );
    return rows.map(runOf);
  }

  async started(id: string, attempt: number, connection: Connection): Promise<void> {
    await connection.query(
      `UPDATE finance.report_run SET state = 'running', attempts = $2, started_at = coalesce(started_at, now())
       WHERE id = $1 AND state <> 'done'`,
      [id, attempt],
    );
  }

  async entered(id: string, phase: ReportRun['phase'], connection: Connection): Promise<void> {
    await connection.query('UPDATE finance.report_run SET phase = $2 WHERE id = $1', [id, phase]);
  }

  /** An attempt failed. Not last: another one follows. What is done stays done. */
  async failed(id: string, error: string, isLast: boolean): Promise<void> {
    await this.database.query(
      `UPDATE finance.report_run SET state = $2, error = $3, ended_at = CASE WHEN $2 = 'failed' THEN now() END
       WHERE id = $1 AND state <> 'done'`,
      [id, isLast ? 'failed' : 'queued', error],
    );
  }

  /** A failed one is to be tried again. @returns whether it had failed */
  async requeue(id: string): Promise<boolean> {
    const { rowCount } = await this.database.query(
      `UPDATE finance.report_run SET state = 'queued', ended_at = NULL WHERE id = $1 AND state = 'failed'`,
      [id],
    );
    return rowCount === 1;
  }
}

function runOf(row: Row): ReportRun {
  const text = (column: string) => (row[column] as string | null) ?? undefined;
  const integer = (column: string) => (row[column] === null ? undefined : BigInt(row[column] as string));
  return {
    id: row['id'] as string,
    number: BigInt(row['number'] as string),
    report: row['report'] as string,
    period: row['period'] as string,
    from: Number(row['from_ms']),
    until: Number(row['until_ms']),
    upTo: BigInt(row['up_to'] as string),
    accountId: text('account_id'),
    provisional: row['provisional'] as boolean,
    scheduleId: text('schedule_id'),
    state: row['state'] as RunState,
    phase: row['phase'] as ReportRun['phase'],
    attempts: row['attempts'] as number,
    error: text('error'),
    cursor: text('cursor'),
    chunks: row['chunks'] as number,
    bytes: integer('bytes') ?? 0n,
    totals: {
      ...NO_TOTALS,
      rows: integer('row_count') ?? 0n,
      debits: integer('debits') ?? 0n,
      credits: integer('credits') ?? 0n,
      firstPosition: integer('first_position'),
      lastPosition: integer('last_position'),
    },
    control: text('control'),
    madeAt: row['made_at'] as Date,
    startedAt: (row['started_at'] as Date | null) ?? undefined,
    endedAt: (row['ended_at'] as Date | null) ?? undefined,
  };
}
