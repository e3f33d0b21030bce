import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { GatewayClock } from '../http/clock.js';
import { formatCredits, nano } from '../kernel/credits.js';
import type { AccountId } from '../kernel/ids.js';
import { type Instant, instantToText } from '../kernel/time.js';
import { AccountWriter } from './account-writer.js';
import { problemOf } from './accounts.problems.js';
import { creditsOf } from './administration-bodies.js';
import { type Account, type ApiKey, available, isOpen, spentInWindow } from './domain/account.js';
import type { CreditsGranted } from './domain/accounts.events.js';
import type { Lot } from './domain/burn-down.js';

/** An account as the write side knows it, read to the end of its stream. Amounts are credits as decimal text. */
export class ShowAccount extends Query<object> {
  constructor(readonly accountId: AccountId) {
    super();
  }
}

@QueryHandler(ShowAccount)
export class ShowAccountHandler implements IQueryHandler<ShowAccount> {
  constructor(
    private readonly accounts: AccountWriter,
    private readonly clock: GatewayClock,
  ) {}

  async execute({ accountId }: ShowAccount): Promise<object> {
    const { account, position } = await this.accounts.refresh(accountId);
    if (!isOpen(account)) throw problemOf({ reason: 'account_not_found' });
    return { ...accountShown(account, Math.max(this.clock.now(), account.lastEventAt)), position: position.toString() };
  }
}

function accountShown(account: Account, at: Instant): object {
  const lots = [...account.lots.values()];
  const total = (part: 'held' | 'frozen') => formatCredits(nano(lots.reduce((sum, lot) => sum + lot[part], 0n)));
  const grants = new Map([...account.grants.values()].map((grant) => [grant.lotId, grant]));
  return {
    user_id: account.accountId,
    username: account.username,
    tier: account.tier,
    available: formatCredits(available(account, at)),
    held: total('held'),
    frozen: total('frozen'),
    receivable: formatCredits(account.receivable),
    lots: lots.map((lot) => lotShown(lot, grants.get(lot.lotId) as CreditsGranted['data'])),
    keys: [...account.keys.values()].map((key) => keyShown(key, at)),
    open_reservations: account.reservations.size,
    disputes: [...account.disputes].map(([disputeId, { paymentId, lotId, claimed, frozen, status }]) => ({
      dispute_id: disputeId,
      payment_id: paymentId,
      lot_id: lotId,
      claimed: formatCredits(claimed),
      frozen: formatCredits(frozen),
      status,
    })),
  };
}

/** A lot of which something remains, in burn-down order; one whose time is over still holds what is pinned or frozen. */
const lotShown = (lot: Lot, grant: CreditsGranted['data']): object => ({
  lot_id: lot.lotId,
  grant_id: grant.grantId,
  kind: grant.kind,
  payment_id: grant.paymentId ?? null,
  granted: creditsOf(grant.amount),
  remaining: formatCredits(lot.remaining),
  held: formatCredits(lot.held),
  frozen: formatCredits(lot.frozen),
  priority: lot.priority,
  effective_at: grant.effectiveAt,
  expires_at: grant.expiresAt ?? null,
});

/** A key, of which only the hash is known, and nothing that could be used in its place. */
const keyShown = (key: ApiKey, at: Instant): object => ({
  ...keyTermsShown(key),
  spent: formatCredits(spentInWindow(key, at)),
  held: formatCredits(key.held),
  revoked: key.revoked,
  ...(key.disabled ? { disabled: true } : {}),
  ...(key.kind === 'inference' ? {} : { kind: key.kind }),
});

export const keyTermsShown = (key: ApiKey): object => ({
  hash: key.secretHash,
  name: key.name,
  limit: key.limit === undefined ? null : formatCredits(key.limit),
  limit_reset: key.limitReset ?? null,
  expires_at: key.expiresAt === undefined ? null : instantToText(key.expiresAt),
});
