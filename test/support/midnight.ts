import { setTimeout as delay } from 'node:timers/promises';

const DAY_MS = 86_400_000;
/** More than a file of tests takes, on a busy machine. */
const NEEDED_MS = 180_000;

/** For files whose day has to last until their end: resolves at once, or, in the last minutes of a day (UTC), when the next begins. */
export async function clearOfMidnight(): Promise<void> {
  const left = DAY_MS - (Date.now() % DAY_MS);
  if (left < NEEDED_MS) await delay(left + 1_000);
}
