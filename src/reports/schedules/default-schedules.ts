import type { Report } from '../../kernel/report.js';
import type { Schedule } from './schedules-table.js';

/** Soon after the day or month is over. */
const CRON: Readonly<Record<Report['covers'], string>> = { day: '15 0 * * *', month: '0 1 1 * *' };

/** The schedule that a report comes with, so that a new installation has its statements without being asked. */
export const defaultSchedule = ({ name, covers }: Report): Schedule => ({
  id: name,
  report: name,
  cron: CRON[covers],
  timeZone: 'UTC',
  misfire: 'run_all',
  accountId: undefined,
  enabled: true,
});
