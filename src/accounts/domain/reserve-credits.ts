import { type NanoCredits, nano, nanoToText, plus, ZERO } from '../../kernel/credits.js';
import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { GenerationId, KeyId, ReservationId } from '../../kernel/ids.js';
import { type Instant, instantToText } from '../../kernel/time.js';
import { type Account, type ApiKey, available, closedReservation, isOpen, spentInWindow } from './account.js';
import type { CreditsReserved, Quote } from './accounts.events.js';
import { isUsable } from './api-keys.js';
import { take } from './burn-down.js';

export interface ReserveCredits {
  readonly type: 'ReserveCredits';
  readonly reservationId: ReservationId;
  readonly generationId: GenerationId;
  readonly keyId: KeyId;
  readonly amount: NanoCredits;
  readonly quote: Quote;
  readonly settleWithinMs: number;
}

export type ReserveCreditsRejection =
  | { readonly reason: 'key_not_usable' }
  | { readonly reason: 'reservation_conflict'; readonly reservationId: ReservationId }
  | {
      readonly reason: 'insufficient_credits';
      readonly needed: NanoCredits;
      readonly available: NanoCredits;
      /** What open reservations hold: it may come back when they end. */
      readonly reserved: NanoCredits;
      /** Earlier cost that no lot could pay: while it stands, nothing is available. */
      readonly owed: NanoCredits;
    }
  | { readonly reason: 'key_limit_exceeded'; readonly needed: NanoCredits; readonly remaining: NanoCredits };

/** Sets credits aside for one generation and pins them to lots. Refused where the key or the account cannot pay all of it. */
export function reserveCredits(
  command: ReserveCredits,
  account: Account,
  at: Instant,
): Decision<CreditsReserved, ReserveCreditsRejection> {
  const key = account.keys.get(command.keyId);
  if (!isOpen(account) || !key || !isUsable(key, at)) return reject({ reason: 'key_not_usable' });

  const open = account.reservations.get(command.reservationId);
  if (open || closedReservation(account, command.reservationId)) {
    const same = open?.amount === command.amount && open.generationId === command.generationId && open.keyId === command.keyId;
    return same ? accept() : reject({ reason: 'reservation_conflict', reservationId: command.reservationId });
  }

  const remaining = remainingOfKey(key, at);
  if (remaining !== undefined && command.amount > remaining) {
    return reject({ reason: 'key_limit_exceeded', needed: command.amount, remaining });
  }

  const { parts: holds, missing } = take(account.lots, command.amount, at);
  if (missing > 0n || account.receivable > 0n) {
    return reject({
      reason: 'insufficient_credits',
      needed: command.amount,
      available: available(account, at),
      reserved: heldByReservations(account),
      owed: account.receivable,
    });
  }
  return accept({
    type: 'CreditsReserved',
    data: {
      reservationId: command.reservationId,
      generationId: command.generationId,
      keyId: command.keyId,
      amount: nanoToText(command.amount),
      holds,
      burnDownOrder: 'mcphub@1',
      quote: command.quote,
      settleBy: instantToText(at + command.settleWithinMs),
    },
  });
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
