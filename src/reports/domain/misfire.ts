import type { Instant } from '../../kernel/time.js';

/** What becomes of slots that nobody saw, because nothing ran. */
export const MISFIRE_RULES = ['run_all', 'run_latest', 'skip'] as const;
export type MisfireRule = (typeof MISFIRE_RULES)[number];

/** A slot that is seen this late was missed. Longer than the pause between two looks, by far. */
export const MISSED_AFTER_MS = 10 * 60_000;

/**
 * The slots that are run, of those that are due: all of them; the last one; or those alone that are seen in time.
 * @param due in order, none after `now`
 */
export function slotsToRun(rule: MisfireRule, due: readonly Instant[], now: Instant): readonly Instant[] {
  switch (rule) {
    case 'run_all':
      return due;
    case 'run_latest':
      return due.slice(-1);
    case 'skip':
      return due.filter((slot) => now - slot <= MISSED_AFTER_MS);
  }
}
