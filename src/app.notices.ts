import type { QueryBus } from '@nestjs/cqrs';
import { ExpiringLots } from '../projections/balances/expiring-lots.query.js';
import { KeysNearLimit } from '../projections/balances/keys-near-limit.query.js';
import { LowBalances } from '../projections/balances/low-balances.query.js';
import { UnbalancedAccounts } from '../projections/balances/unbalanced-accounts.query.js';
import { formatCredits, type NanoCredits, nano } from './kernel/credits.js';
import { type Clock, instantToText } from './kernel/time.js';
import type { Finding, Watch, Watches } from './notices/index.js';

/** Part of the composition root: what the read side can tell of what somebody should know. */
export interface NoticeThresholds {
  readonly lowBalance: NanoCredits;
  readonly expiringDays: number;
  readonly keyLimitPercent: number;
}

const DAY_MS = 86_400_000;
/** Findings of one kind that are noted at a time; those that hold go on being found. */
const FINDINGS_MAX = 10_000;

export const watches = (queries: QueryBus, clock: Clock, thresholds: NoticeThresholds): Watches => ({
  list: () => [
    lowBalances(queries, clock, thresholds),
    expiringCredits(queries, clock, thresholds),
    keysNearLimit(queries, clock, thresholds),
    unbalancedAccounts(queries),
  ],
});

const lowBalances = (queries: QueryBus, clock: Clock, { lowBalance }: NoticeThresholds): Watch => ({
  kind: 'low_balance',
  look: async () => {
    const found = await queries.execute(new LowBalances(lowBalance, clock.now(), FINDINGS_MAX));
    return all(found, ({ accountId, owned, receivable }) => ({
      subject: accountId,
      data: {
        user_id: accountId,
        balance: formatCredits(nano(owned)),
        owed: formatCredits(nano(receivable)),
        threshold: formatCredits(lowBalance),
      },
    }));
  },
});

const expiringCredits = (queries: QueryBus, clock: Clock, { expiringDays }: NoticeThresholds): Watch => ({
  kind: 'credits_expiring',
  look: async () => {
    const now = clock.now();
    const found = await queries.execute(new ExpiringLots(now, now + expiringDays * DAY_MS, FINDINGS_MAX));
    return all(found, ({ accountId, lotId, expiresAt, free }) => ({
      subject: `${accountId}/${lotId}`,
      data: { user_id: accountId, lot_id: lotId, expires_at: instantToText(expiresAt), expiring: formatCredits(nano(free)) },
    }));
  },
});

const keysNearLimit = (queries: QueryBus, clock: Clock, { keyLimitPercent }: NoticeThresholds): Watch => ({
  kind: 'key_limit_near',
  look: async () => {
    const found = await queries.execute(new KeysNearLimit(keyLimitPercent, clock.now(), FINDINGS_MAX));
    return all(found, ({ accountId, keyId, limit, spent, windowStart }) => ({
      // Another window is another notice.
      subject: `${accountId}/${keyId}/${instantToText(windowStart)}`,
      data: {
        user_id: accountId,
        key_id: keyId,
        limit: formatCredits(nano(limit)),
        spent: formatCredits(nano(spent)),
        window_start: instantToText(windowStart),
      },
    }));
  },
});

const unbalancedAccounts = (queries: QueryBus): Watch => ({
  kind: 'invariant_broken',
  look: async () => {
    const found = await queries.execute(new UnbalancedAccounts(FINDINGS_MAX));
    return all(found, ({ accountId, rule }) => ({
      subject: `balances/${accountId}/${rule}`,
      data: { user_id: accountId, rule },
    }));
  },
});

const all = <Found>(found: readonly Found[], toFinding: (each: Found) => Finding) => ({
  findings: found.map(toFinding),
  complete: found.length < FINDINGS_MAX,
});
