import type { Fact } from './projection.js';

/** What the names of accounts' streams begin with. */
export const ACCOUNT_PREFIX = 'account-';

/** The id of the account whose stream a fact is in. Throws where it is in another. */
export function accountOf({ stream }: Pick<Fact, 'stream'>): string {
  if (!stream.startsWith(ACCOUNT_PREFIX)) throw new Error(`stream ${stream} is no account's`);
  return stream.slice(ACCOUNT_PREFIX.length);
}

/** Behind a switch over all of an account's events: one that is not among them does not compile, and throws. */
export function unknownEvent(event: never): never {
  throw new Error(`unknown event of an account: ${(event as { type: string }).type}`);
}
