import { CronExpressionParser } from 'cron-parser';
import type { Instant } from '../../kernel/time.js';
import { instantOfWallTime, wallTimeAt } from './wall-clock.js';

/** When a schedule is due. */
export interface SlotRule {
  /** Five fields: minute, hour, day of the month (also `L`, the last), month, day of the week. */
  readonly cron: string;
  /** IANA name. */
  readonly timeZone: string;
}

const FIELDS = 5;
/** `H` stands for a number that is drawn: never the same slots twice. */
const RANDOM = /(?:^|[\s,])H/i;
const DAY_MS = 86_400_000;
const YEARS_AHEAD_MS = 9 * 366 * DAY_MS;

/** Whether it has five fields and names a moment that comes: 30 February does not. */
export function isCron(cron: string): boolean {
  if (cron.trim().split(/\s+/).length !== FIELDS || !/^[0-9A-Za-z*,/#?\s-]+$/.test(cron) || RANDOM.test(cron)) return false;
  return upcomingSlots({ cron, timeZone: 'UTC' }, Date.UTC(2024, 0, 1), 1).length === 1;
}

/**
 * The slots after one moment and up to another, in order, at most so many. A time of the day that the clocks skip is due once, at
 * the next moment there is; one that they show twice is due the first time only.
 */
export function slotsBetween(rule: SlotRule, after: Instant, upTo: Instant, max: number): Instant[] {
  const slots: Instant[] = [];
  for (const slot of slotsAfter(rule, after, upTo)) {
    if (slots.length === max) break;
    slots.push(slot);
  }
  return slots;
}

/** The next slots after a moment: fewer where none comes for years. */
export const upcomingSlots = (rule: SlotRule, after: Instant, max: number): Instant[] =>
  slotsBetween(rule, after, after + YEARS_AHEAD_MS, max);

/**
 * Cron is a rule about what the clock on the wall shows, so it is followed there, where every day has 24 hours; only then is each
 * time on the wall looked for in the zone.
 */
function* slotsAfter({ cron, timeZone }: SlotRule, after: Instant, upTo: Instant): Generator<Instant> {
  // What the wall shows may jump by hours around `after`: begin well before it.
  const from = wallTimeAt(after, timeZone) - DAY_MS;
  const times = parsed(cron, from, upTo + 2 * DAY_MS);
  let last = after;
  while (times?.hasNext()) {
    const slot = instantOfWallTime(times.next().getTime(), timeZone);
    if (slot > upTo) return;
    // Two skipped times come to the same moment.
    if (slot > last) yield slot;
    last = Math.max(last, slot);
  }
}

function parsed(cron: string, from: number, until: number) {
  try {
    return CronExpressionParser.parse(cron, { tz: 'UTC', currentDate: new Date(from - 1), endDate: new Date(until) });
  } catch {
    return undefined;
  }
}
