import { type NanoCredits, nano, plus, ZERO } from '../../kernel/credits.js';
import type { KeyId } from '../../kernel/ids.js';
import type { Instant } from '../../kernel/time.js';
import { type Account, type ApiKey, available, spentInWindow } from './account.js';
import type { LotAmount } from './accounts.events.js';
import { take } from './burn-down.js';

/** Why an amount cannot be set aside. */
export type NotCovered =
  | {
      readonly reason: 'insufficient_credits';
      readonly needed: NanoCredits;
      readonly available: NanoCredits;
      /** What open reservations hold: it may come back when they end. */
      readonly reserved: NanoCredits;
      /** What the account owes: while it stands, nothing is available. */
      readonly owed: NanoCredits;
    }
  | { readonly reason: 'key_limit_exceeded'; readonly needed: NanoCredits; readonly remaining: NanoCredits };

/** The parts of lots that cover an amount, all of it, within the key's own limit. */
export function coverage(
  account: Account,
  key: ApiKey,
  needed: NanoCredits,
  at: Instant,
): { readonly holds: readonly LotAmount[] } | NotCovered {
  const remaining = remainingOfKey(key, at);
  if (remaining !== undefined && needed > remaining) return { reason: 'key_limit_exceeded', needed, remaining };
  const { parts, missing } = take(account.lots, needed, at);
  if (missing === 0n && account.receivable === 0n) return { holds: parts };
  return {
    reason: 'insufficient_credits',
    needed,
    available: available(account, at),
    reserved: heldByReservations(account),
    owed: account.receivable,
  };
}

/** What a call with a key can have set aside at most. */
export function availableTo(account: Account, keyId: KeyId, at: Instant): NanoCredits {
  const key = account.keys.get(keyId);
  const remaining = key && remainingOfKey(key, at);
  const free = available(account, at);
  return remaining !== undefined && remaining < free ? remaining : free;
}

/** What a key may still reserve within its own limit; undefined where it has none. */
export function remainingOfKey(key: ApiKey, at: Instant): NanoCredits | undefined {
  if (key.limit === undefined) return undefined;
  const used = plus(spentInWindow(key, at), key.held);
  return used < key.limit ? nano(key.limit - used) : ZERO;
}

function heldByReservations(account: Account): NanoCredits {
  let total = 0n;
  for (const lot of account.lots.values()) total += lot.held;
  return nano(total);
}
