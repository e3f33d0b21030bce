import type { ReportScope } from '../../src/kernel/report.js';
import { instantToText } from '../../src/kernel/time.js';

/** The month that a scope covers, `yyyy-mm`. Throws where it covers something else. */
export function periodOf({ from, until }: Pick<ReportScope, 'from' | 'until'>): string {
  const day = new Date(from);
  const month = Date.UTC(day.getUTCFullYear(), day.getUTCMonth());
  const next = Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1);
  if (from !== month || until !== next) throw new RangeError('the report covers whole months');
  return instantToText(from).slice(0, 'yyyy-mm'.length);
}
