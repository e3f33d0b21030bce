import type { QueryBus } from '@nestjs/cqrs';
import { ExpiringLots } from '../projections/balances/expiring-lots.query.js';
import { KeysNearLimit } from '../projections/balances/keys-near-limit.query.js';
import { LowBalances } from '../projections/balances/low-balances.query.js';
import { UnbalancedAccounts } from '../projections/balances/unbalanced-accounts.query.js';
import { GetProjectionReports } from '../projections/runtime/projection-reports.query.js';
import { formatCredits, type NanoCredits, nano } from './kernel/credits.js';
import { type Clock, instantToText } from './kernel/time.js';
import type { Finding, Watch, Watches } from './notices/index.js';

/** Part of the composition root: what the read side can tell of what somebody should know. */
export interface NoticeThresholds {
  readonly lowBalance: NanoCredits;
  readonly expiringDays: number;
  readonly keyLimitPercent: number;
  readonly projectionLagMs: number;
}

const DAY_MS = 86_400_000;
/** Findings of one kind that are noted at a time; those that hold go on being found. */
const FINDINGS_MAX = 10_000;

export const watches = (queries: QueryBus, clock: Clock, thresholds: NoticeThresholds): Watches => ({
  list: () => [
    lowBalances(queries, clock, thresholds),
    expiringCredits(queries, clock, thresholds),
    keysNearLimit(queries, clock, thresholds),
    projectionsBehind(queries, thresholds),
    brokenInvariants(queries),
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

const projectionsBehind = (queries: QueryBus, { projectionLagMs }: NoticeThresholds): Watch => ({
  kind: 'projection_behind',
  look: async () => {
    const behind = (await queries.execute(new GetProjectionReports())).filter(({ lagMs }) => lagMs > projectionLagMs);
    return all(behind, ({ name, version, lagMs, position, headPosition, isLed }) => ({
      subject: name,
      data: {
        projection: name,
        version,
        lag_ms: lagMs,
        position: `${position}`,
        head_position: `${headPosition}`,
        led: isLed ? 1 : 0,
      },
    }));
  },
});

/** Rows that the fold cannot have made, and streams that it cannot go on with. One kind, so one watch: what either finds clears nothing of the other. */
const brokenInvariants = (queries: QueryBus): Watch => ({
  kind: 'invariant_broken',
  look: async () => {
    const accounts = await queries.execute(new UnbalancedAccounts(FINDINGS_MAX));
    const reports = await queries.execute(new GetProjectionReports());
    const stops = reports.flatMap(({ name, stopped }) => stopped.streams.map((stop) => ({ name, ...stop })));
    const unbalanced = accounts.map(({ accountId, rule }) => ({
      subject: `balances/${accountId}/${rule}`,
      data: { user_id: accountId, rule },
    }));
    const stopped = stops.map(({ name, stream, revision, eventType }) => ({
      subject: `stopped/${name}/${stream}`,
      data: { projection: name, stream, revision: `${revision}`, event_type: eventType },
    }));
    const complete =
      accounts.length < FINDINGS_MAX && reports.every((report) => report.stopped.total === report.stopped.streams.length);
    return { findings: [...unbalanced, ...stopped], complete };
  },
});

const all = <Found>(found: readonly Found[], toFinding: (each: Found) => Finding) => ({
  findings: found.map(toFinding),
  complete: found.length < FINDINGS_MAX,
});
