import type { Instant } from '../kernel/time.js';

/** Where the expiry of credits may have to be written: a hint from outside, since what expires is decided on the account. */
export abstract class DueAccounts {
  abstract list(at: Instant, limit: number): Promise<readonly string[]>;
}
