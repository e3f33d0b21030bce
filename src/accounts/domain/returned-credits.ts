import { least, minus, type NanoCredits, nano, nanoFromText, nanoToText, plus } from '../../kernel/credits.js';
import type { LotId } from '../../kernel/ids.js';
import { type Instant, instantFromText } from '../../kernel/time.js';
import { type Account, type Dispute, grantOfLot } from './account.js';
import type { CreditsExpired, LotAmount, LotsFrozen } from './accounts.events.js';
import { freeOf, isExpired } from './burn-down.js';

/**
 * What follows at once when credits come back to lots: in an expired lot all that is free then expires; in a disputed one they
 * are frozen, up to what is claimed.
 * @param ended a dispute that freezes nothing any more
 */
export function consequencesOfReturns(
  account: Account,
  returned: readonly LotAmount[],
  at: Instant,
  ended?: string,
): (CreditsExpired | LotsFrozen)[] {
  return [...sumByLot(returned)].flatMap(([lotId, amount]): (CreditsExpired | LotsFrozen)[] => {
    if (hasExpired(account, lotId, at)) return [expiry(account, lotId, amount)];
    return freezing(account, lotId, amount, ended);
  });
}

/** Whether a lot's time is over, also where nothing remains of it. */
export function hasExpired(account: Account, lotId: LotId, at: Instant): boolean {
  const lot = account.lots.get(lotId);
  if (lot) return isExpired(lot, at);
  const expiresAt = grantOfLot(account, lotId)?.expiresAt;
  return expiresAt !== undefined && at >= instantFromText(expiresAt);
}

function expiry(account: Account, lotId: LotId, returned: NanoCredits): CreditsExpired {
  const lot = account.lots.get(lotId);
  return { type: 'CreditsExpired', data: { lotId, amount: nanoToText(lot ? plus(freeOf(lot), returned) : returned) } };
}

function freezing(account: Account, lotId: LotId, returned: NanoCredits, ended: string | undefined): LotsFrozen[] {
  let left = returned;
  return [...account.disputes].flatMap(([disputeId, dispute]): LotsFrozen[] => {
    if (dispute.lotId !== lotId || dispute.status !== 'open' || disputeId === ended) return [];
    const amount = least(left, unfrozen(dispute));
    left = minus(left, amount);
    if (amount === 0n) return [];
    const lots = [{ lotId, amount: nanoToText(amount) }];
    return [
      { type: 'LotsFrozen', data: { disputeId, paymentId: dispute.paymentId, claimed: nanoToText(dispute.claimed), lots } },
    ];
  });
}

const unfrozen = ({ claimed, frozen }: Dispute): NanoCredits => nano(claimed - frozen);

function sumByLot(parts: readonly LotAmount[]): Map<LotId, NanoCredits> {
  const sums = new Map<LotId, NanoCredits>();
  for (const { lotId, amount } of parts) {
    const before = sums.get(lotId);
    sums.set(lotId, before === undefined ? nanoFromText(amount) : plus(before, nanoFromText(amount)));
  }
  return sums;
}
