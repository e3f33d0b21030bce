import { type NanoCredits, nanoToText } from '../../kernel/credits.js';
import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { KeyId } from '../../kernel/ids.js';
import { type Instant, instantToText, type LimitReset } from '../../kernel/time.js';
import type { Account, ApiKey } from './account.js';
import type { ApiKeyChanged, ApiKeyIssued, ApiKeyRevoked, KeyKind } from './accounts.events.js';

export interface IssueApiKey {
  readonly type: 'IssueApiKey';
  readonly keyId: KeyId;
  /** SHA-256 of the whole key, hex. */
  readonly secretHash: string;
  readonly name: string;
  readonly limit: NanoCredits | undefined;
  readonly limitReset: LimitReset | undefined;
  readonly expiresAt: Instant | undefined;
  /** Inference where absent. */
  readonly kind?: KeyKind | undefined;
}

/** New terms of a key: undefined keeps one, null lifts it. */
export interface ChangeApiKey {
  readonly type: 'ChangeApiKey';
  readonly keyId: KeyId;
  readonly name?: string | undefined;
  readonly limit?: NanoCredits | null | undefined;
  readonly limitReset?: LimitReset | null | undefined;
  readonly expiresAt?: Instant | null | undefined;
  readonly disabled?: boolean | undefined;
}

export interface RevokeApiKey {
  readonly type: 'RevokeApiKey';
  readonly keyId: KeyId;
}

export type IssueApiKeyRejection =
  | { readonly reason: 'key_exists'; readonly keyId: KeyId }
  | { readonly reason: 'expiry_in_past'; readonly field: 'expires_at' };
export type ChangeApiKeyRejection =
  | { readonly reason: 'key_not_found'; readonly keyId: KeyId }
  | { readonly reason: 'key_revoked'; readonly keyId: KeyId }
  | { readonly reason: 'reset_without_limit' }
  | { readonly reason: 'expiry_in_past'; readonly field: 'expires_at' };
export type RevokeApiKeyRejection = { readonly reason: 'key_not_found'; readonly keyId: KeyId };

/** Issues a key: one that may spend the account's credits, up to its own limit where it has one, or one that manages such keys. */
export function issueApiKey(command: IssueApiKey, account: Account, at: Instant): Decision<ApiKeyIssued, IssueApiKeyRejection> {
  const existing = account.keys.get(command.keyId);
  if (existing)
    return existing.secretHash === command.secretHash ? accept() : reject({ reason: 'key_exists', keyId: command.keyId });
  if (command.expiresAt !== undefined && command.expiresAt <= at)
    return reject({ reason: 'expiry_in_past', field: 'expires_at' });
  return accept({
    type: 'ApiKeyIssued',
    data: {
      keyId: command.keyId,
      secretHash: command.secretHash,
      ...termsToJson(command),
      ...(command.kind === undefined || command.kind === 'inference' ? {} : { kind: command.kind }),
    },
  });
}

/**
 * Changes the terms of a key, from the next request on. What it has spent in the current window counts on, unless the window
 * itself becomes another: then counting begins anew.
 */
export function changeApiKey(
  command: ChangeApiKey,
  account: Account,
  at: Instant,
): Decision<ApiKeyChanged, ChangeApiKeyRejection> {
  const key = account.keys.get(command.keyId);
  if (!key) return reject({ reason: 'key_not_found', keyId: command.keyId });
  if (key.revoked) return reject({ reason: 'key_revoked', keyId: command.keyId });
  const limit = changed(command.limit, key.limit);
  // A reset means nothing without the limit that it resets.
  const limitReset =
    limit === undefined && command.limitReset === undefined ? undefined : changed(command.limitReset, key.limitReset);
  const terms = { name: command.name ?? key.name, limit, limitReset, expiresAt: changed(command.expiresAt, key.expiresAt) };
  const disabled = command.disabled ?? key.disabled;
  if (limitReset !== undefined && limit === undefined) return reject({ reason: 'reset_without_limit' });
  if (command.expiresAt != null && command.expiresAt <= at) return reject({ reason: 'expiry_in_past', field: 'expires_at' });
  const same =
    terms.name === key.name &&
    terms.limit === key.limit &&
    terms.limitReset === key.limitReset &&
    terms.expiresAt === key.expiresAt &&
    disabled === key.disabled;
  if (same) return accept();
  return accept({
    type: 'ApiKeyChanged',
    data: { keyId: key.keyId, ...termsToJson(terms), ...(disabled ? { disabled } : {}) },
  });
}

const changed = <T>(asked: T | null | undefined, current: T | undefined): T | undefined =>
  asked === undefined ? current : (asked ?? undefined);

const termsToJson = ({ name, limit, limitReset, expiresAt }: Pick<ApiKey, 'name' | 'limit' | 'limitReset' | 'expiresAt'>) => ({
  name,
  ...(limit === undefined ? {} : { limit: nanoToText(limit) }),
  ...(limitReset === undefined ? {} : { limitReset }),
  ...(expiresAt === undefined ? {} : { expiresAt: instantToText(expiresAt) }),
});

/** Revokes a key at once and for ever. Calls that it has already paid for are settled. */
export function revokeApiKey(command: RevokeApiKey, account: Account): Decision<ApiKeyRevoked, RevokeApiKeyRejection> {
  const key = account.keys.get(command.keyId);
  if (!key) return reject({ reason: 'key_not_found', keyId: command.keyId });
  return key.revoked ? accept() : accept({ type: 'ApiKeyRevoked', data: { keyId: command.keyId } });
}

/** Whether a key may be used at t. */
export const isUsable = (key: ApiKey, at: Instant): boolean =>
  !key.revoked && !key.disabled && (key.expiresAt === undefined || at < key.expiresAt);
