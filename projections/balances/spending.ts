import type { Instant } from '../../src/kernel/time.js';

/** How much an account spent. Bound where the usage is known; another projection than the balances answers it. */
export abstract class Spending {
  /**
   * Nano-credits that its calls cost in the whole hours from one moment to another, not included; both begin an hour of UTC. At least
   * as fresh as `position`.
   */
  abstract of(accountId: string, from: Instant, until: Instant, position: bigint): Promise<bigint>;
}
