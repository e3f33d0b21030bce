/** Opaque identifiers. All are URL-safe text without personal data. */
export type AccountId = string;
export type KeyId = string;
export type LotId = string;
export type GrantId = string;
export type ReservationId = string;
export type GenerationId = string;

export const KEY_PREFIX = 'sk-mcp-';
const ACCOUNT_ID = /^[a-z0-9]{6,40}$/;
const SECRET = /^[A-Za-z0-9_-]{20,100}$/;

/** An API key names its account, so that authentication needs no lookup table: `sk-mcp-<accountId>-<secret>`. */
export const formatApiKey = (accountId: AccountId, secret: string): string => `${KEY_PREFIX}${accountId}-${secret}`;

/** The account that a presented key names; undefined where the text is no key of ours. */
export function accountOfApiKey(key: string): AccountId | undefined {
  if (!key.startsWith(KEY_PREFIX)) return undefined;
  const end = key.indexOf('-', KEY_PREFIX.length);
  if (end < 0) return undefined;
  const accountId = key.slice(KEY_PREFIX.length, end);
  return ACCOUNT_ID.test(accountId) && SECRET.test(key.slice(end + 1)) ? accountId : undefined;
}

/** Whether a text can be an account's id; anything else is unknown without asking the store. */
export const isAccountId = (text: string): text is AccountId => ACCOUNT_ID.test(text);
