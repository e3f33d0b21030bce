import type { Instant } from '../../kernel/time.js';
import type { MisfireRule } from '../domain/misfire.js';
import type { Connection, FinanceDatabase } from '../finance-database.js';

export interface Schedule {
  readonly id: string;
  readonly report: string;
  readonly cron: string;
  readonly timeZone: string;
  readonly misfire: MisfireRule;
  readonly accountId: string | undefined;
  readonly enabled: boolean;
}

export interface StoredSchedule extends Schedule {
  /** Slots up to here have been run or passed over. */
  readonly handledUntil: Instant;
  readonly lastSlot: Instant | undefined;
  readonly lastRunId: string | undefined;
  /** Why its slots were not run, the last time it was looked at. */
  readonly error: string | undefined;
}

interface Row {
  readonly id: string;
  readonly report: string;
  readonly cron: string;
  readonly time_zone: string;
  readonly misfire: MisfireRule;
  readonly account_id: string | null;
  readonly enabled: boolean;
  readonly handled_until: Date;
  readonly last_slot: Date | null;
  readonly last_run_id: string | null;
  readonly error: string | null;
}

const INSERT = `
INSERT INTO finance.report_schedule AS s (id, report, cron, time_zone, misfire, account_id, enabled, handled_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`;

/** The schedules of reports in PostgreSQL. */
export class SchedulesTable {
  constructor(private readonly database: FinanceDatabase) {}

  /** Makes or changes one. What it is due for begins now, where it is new, at other times than before, or was switched on. */
  async put(schedule: Schedule, now: Instant): Promise<StoredSchedule> {
    await this.database.query(
      `${INSERT}
       ON CONFLICT (id) DO UPDATE SET report = excluded.report, cron = excluded.cron, time_zone = excluded.time_zone,
         misfire = excluded.misfire, account_id = excluded.account_id, enabled = excluded.enabled, error = NULL,
         handled_until = CASE
           WHEN s.enabled AND (s.report, s.cron, s.time_zone) = (excluded.report, excluded.cron, excluded.time_zone)
           THEN s.handled_until ELSE greatest(s.handled_until, excluded.handled_until) END`,
      valuesOf(schedule, now),
    );
    const stored = await this.find(schedule.id);
    if (!stored) throw new Error(`the schedule ${schedule.id} was stored and is not there`);
    return stored;
  }

  /** Makes one that comes with the program: once for each report, so that one that was deleted stays away. */
  async makeDefault(schedule: Schedule, now: Instant): Promise<void> {
    await this.database.transaction(async (connection) => {
      const { rowCount } = await connection.query(
        'INSERT INTO finance.report_default_made (report) VALUES ($1) ON CONFLICT DO NOTHING',
        [schedule.report],
      );
      if (rowCount === 1) await connection.query(`${INSERT} ON CONFLICT DO NOTHING`, valuesOf(schedule, now));
    });
  }

  async find(id: string): Promise<StoredSchedule | undefined> {
    const { rows } = await this.database.query<Row>('SELECT * FROM finance.report_schedule WHERE id = $1', [id]);
    return rows[0] && scheduleOf(rows[0]);
  }

  async list(): Promise<readonly StoredSchedule[]> {
    const { rows } = await this.database.query<Row>('SELECT * FROM finance.report_schedule ORDER BY id');
    return rows.map(scheduleOf);
  }

  /** @returns whether it was there */
  async remove(id: string): Promise<boolean> {
    const { rowCount } = await this.database.query('DELETE FROM finance.report_schedule WHERE id = $1', [id]);
    return rowCount === 1;
  }

  /** Holds one for this transaction; undefined where it is gone or off, or another process looks at it now. */
  async hold(id: string, connection: Connection): Promise<StoredSchedule | undefined> {
    const { rows } = await connection.query<Row>(
      'SELECT * FROM finance.report_schedule WHERE id = $1 AND enabled FOR UPDATE SKIP LOCKED',
      [id],
    );
    return rows[0] && scheduleOf(rows[0]);
  }

  /** Its slots up to a moment were run or passed over. */
  async handled(
    { id }: Schedule,
    until: Instant,
    last: { readonly slot: Instant; readonly runId: string } | undefined,
    connection: Connection,
  ): Promise<void> {
    await connection.query(
      `UPDATE finance.report_schedule SET handled_until = $2, last_slot = coalesce($3, last_slot),
         last_run_id = coalesce($4, last_run_id), error = NULL
       WHERE id = $1`,
      [id, new Date(until), last ? new Date(last.slot) : null, last?.runId ?? null],
    );
  }

  async failed(id: string, error: string): Promise<void> {
    await this.database.query('UPDATE finance.report_schedule SET error = $2 WHERE id = $1', [id, error]);
  }
}

const valuesOf = ({ id, report, cron, timeZone, misfire, accountId, enabled }: Schedule, now: Instant): unknown[] => [
  id,
  report,
  cron,
  timeZone,
  misfire,
  accountId ?? null,
  enabled,
  new Date(now),
];

const scheduleOf = (row: Row): StoredSchedule => ({
  id: row.id,
  report: row.report,
  cron: row.cron,
  timeZone: row.time_zone,
  misfire: row.misfire,
  accountId: row.account_id ?? undefined,
  enabled: row.enabled,
  handledUntil: row.handled_until.getTime(),
  lastSlot: row.last_slot?.getTime(),
  lastRunId: row.last_run_id ?? undefined,
  error: row.error ?? undefined,
});
