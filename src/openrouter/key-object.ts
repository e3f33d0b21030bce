import { type ApiKey, spentInWindow } from '../accounts/index.js';
import { creditsAsNumber } from '../kernel/credits.js';
import { KEY_PREFIX } from '../kernel/ids.js';
import { type Instant, instantToText } from '../kernel/time.js';
import type { KeyUsage } from './read-side.js';

/**
 * OpenRouter's key object: what may be shown of a key, whose secret is not known here.
 * @param workspaceId the account: it is its only workspace
 */
export const keyObject = (key: ApiKey, usage: KeyUsage, workspaceId: string, at: Instant) => ({
  hash: key.secretHash,
  name: key.name,
  ...keyFigures(key, usage, workspaceId, at),
  disabled: key.disabled,
  created_at: instantToText(key.issuedAt),
  updated_at: key.changedAt === undefined ? null : instantToText(key.changedAt),
  creator_user_id: null,
  external_user: null,
  workspace_id: workspaceId,
});

/** What a key's own object and the list of keys have in common. What of the limit is set aside by calls under way is not remaining. */
export const keyFigures = (key: ApiKey, usage: KeyUsage, accountId: string, at: Instant) => ({
  label: `${KEY_PREFIX}${accountId}-...`,
  limit: key.limit === undefined ? null : creditsAsNumber(key.limit),
  limit_remaining: key.limit === undefined ? null : creditsAsNumber(atLeastZero(key.limit - spentInWindow(key, at) - key.held)),
  limit_reset: key.limitReset ?? null,
  usage: creditsAsNumber(usage.total),
  usage_daily: creditsAsNumber(usage.daily),
  usage_weekly: creditsAsNumber(usage.weekly),
  usage_monthly: creditsAsNumber(usage.monthly),
  byok_usage: 0,
  byok_usage_daily: 0,
  byok_usage_weekly: 0,
  byok_usage_monthly: 0,
  include_byok_in_limit: false,
  expires_at: key.expiresAt === undefined ? null : instantToText(key.expiresAt),
});

const atLeastZero = (amount: bigint): bigint => (amount < 0n ? 0n : amount);
