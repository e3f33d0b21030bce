import type { Problem } from '../rules/account-audit-rules.js';
import { say } from './output.js';

/** What is wrong, below what was asked for. */
export function sayProblems(problems: readonly Problem[]): void {
  for (const { rule, stream, revision, eventId, type, text } of problems) {
    const where = revision === undefined ? stream : `${stream}@${revision} ${type} ${eventId}`;
    say(`rule ${rule}  ${where}\n  ${text}`);
  }
}
