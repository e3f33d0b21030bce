import type { Logger } from '@nestjs/common';
import type { AccountId } from '../kernel/ids.js';

const AT_ONCE = 16;
/** Nothing new is begun after this; a store that is away costs 10 seconds more for each of those under way. */
const BEGIN_WITHIN_MS = 15_000;

/**
 * Does something for many accounts, some of them at once. One account that fails is logged and holds nothing up but itself; what
 * is not begun in time is left to the job's next run.
 */
export async function eachAccount(
  accounts: Iterable<AccountId>,
  work: (accountId: AccountId) => Promise<void>,
  logger: Logger,
): Promise<void> {
  const endAt = performance.now() + BEGIN_WITHIN_MS;
  const waiting = accounts[Symbol.iterator]();
  const lane = async () => {
    for (let next = waiting.next(); !next.done && performance.now() < endAt; next = waiting.next()) {
      const accountId = next.value;
      await work(accountId).catch((error) =>
        logger.error({ msg: 'an account could not be worked on', accountId, error: String(error) }),
      );
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}
