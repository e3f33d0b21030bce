import { type NanoCredits, nanoToText } from '../../kernel/credits.js';
import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { GenerationId, KeyId, ReservationId } from '../../kernel/ids.js';
import { type Instant, instantToText } from '../../kernel/time.js';
import { type Account, closedReservation } from './account.js';
import type { CreditsReserved, Quote } from './accounts.events.js';
import { isUsable } from './api-keys.js';
import { coverage, type NotCovered } from './coverage.js';

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
  | { readonly reason: 'key_cannot_infer' }
  | { readonly reason: 'reservation_conflict'; readonly reservationId: ReservationId }
  | NotCovered;

/** Sets credits aside for one generation and pins them to lots. Refused where the key or the account cannot pay all of it. */
export function reserveCredits(
  command: ReserveCredits,
  account: Account,
  at: Instant,
): Decision<CreditsReserved, ReserveCreditsRejection> {
  const open = account.reservations.get(command.reservationId);
  if (open || closedReservation(account, command.reservationId)) {
    const same = open?.asked === command.amount && open.generationId === command.generationId && open.keyId === command.keyId;
    return same ? accept() : reject({ reason: 'reservation_conflict', reservationId: command.reservationId });
  }
  const key = account.keys.get(command.keyId);
  if (!key || !isUsable(key, at)) return reject({ reason: 'key_not_usable' });
  if (key.kind !== 'inference') return reject({ reason: 'key_cannot_infer' });
  const covered = coverage(account, key, command.amount, at);
  if ('reason' in covered) return reject(covered);
  return accept({
    type: 'CreditsReserved',
    data: {
      reservationId: command.reservationId,
      generationId: command.generationId,
      keyId: command.keyId,
      amount: nanoToText(command.amount),
      holds: covered.holds,
      burnDownOrder: account.burnDownOrder,
      quote: command.quote,
      settleBy: instantToText(at + command.settleWithinMs),
    },
  });
}
