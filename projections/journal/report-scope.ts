import type { ReportScope } from '../../src/kernel/report.js';
import { instantToText } from '../../src/kernel/time.js';

/** What a scope asks the journal. Throws where it covers something else than a month. */
export const monthAskedOf = (scope: ReportScope) => ({
  period: periodOf(scope),
  upTo: scope.upTo,
  accountId: scope.accountId,
});

function periodOf({ from, until }: ReportScope): string {
  const day = new Date(from);
  const month = Date.UTC(day.getUTCFullYear(), day.getUTCMonth());
  const next = Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1);
  if (from !== month || until !== next) throw new RangeError('the report covers whole months');
  return instantToText(from).slice(0, 'yyyy-mm'.length);
}
