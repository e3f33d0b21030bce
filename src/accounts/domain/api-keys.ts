import { type NanoCredits, nanoToText } from '../../kernel/credits.js';
import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { KeyId } from '../../kernel/ids.js';
import { type Instant, instantToText, type LimitReset } from '../../kernel/time.js';
import type { Account, ApiKey } from './account.js';
import type { ApiKeyIssued, ApiKeyRevoked } from './accounts.events.js';

export interface IssueApiKey {
  readonly type: 'IssueApiKey';
  readonly keyId: KeyId;
  /** SHA-256 of the whole key, hex. */
  readonly secretHash: string;
  readonly name: string;
  readonly limit: NanoCredits | undefined;
  readonly limitReset: LimitReset | undefined;
  readonly expiresAt: Instant | undefined;
}

export interface RevokeApiKey {
  readonly type: 'RevokeApiKey';
  readonly keyId: KeyId;
}

export type IssueApiKeyRejection =
  | { readonly reason: 'key_exists'; readonly keyId: KeyId }
  | { readonly reason: 'expiry_in_past'; readonly field: 'expires_at' };
export type RevokeApiKeyRejection = { readonly reason: 'key_not_found'; readonly keyId: KeyId };

/** Issues a key that may spend the account's credits, up to its own limit where it has one. */
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
      name: command.name,
      ...(command.limit === undefined ? {} : { limit: nanoToText(command.limit) }),
      ...(command.limitReset === undefined ? {} : { limitReset: command.limitReset }),
      ...(command.expiresAt === undefined ? {} : { expiresAt: instantToText(command.expiresAt) }),
    },
  });
}

/** Revokes a key at once and for ever. Calls that it has already paid for are settled. */
export function revokeApiKey(command: RevokeApiKey, account: Account): Decision<ApiKeyRevoked, RevokeApiKeyRejection> {
  const key = account.keys.get(command.keyId);
  if (!key) return reject({ reason: 'key_not_found', keyId: command.keyId });
  return key.revoked ? accept() : accept({ type: 'ApiKeyRevoked', data: { keyId: command.keyId } });
}

/** Whether a key may be used at t. */
export const isUsable = (key: ApiKey, at: Instant): boolean =>
  !key.revoked && (key.expiresAt === undefined || at < key.expiresAt);
