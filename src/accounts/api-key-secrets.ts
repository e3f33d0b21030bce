import { createHash, randomBytes } from 'node:crypto';
import { type AccountId, formatApiKey, type KeyId } from '../kernel/ids.js';

export const SECRET_BYTES = 32;
export const ACCOUNT_ID_BYTES = 12;
/** The first 64 bits of a key's hash name the key; the whole hash is what is compared. */
const KEY_ID_DIGITS = 16;

/** SHA-256 of a whole key, hex. The secret has 256 random bits, so no slow hash is needed. */
export const hashApiKey = (key: string): string => createHash('sha256').update(key).digest('hex');
export const keyIdOfHash = (secretHash: string): KeyId => secretHash.slice(0, KEY_ID_DIGITS);

/** A new key; it is shown once and never stored. Its secret is random, or 32 bytes that its named request always gives. */
export function newApiKey(
  accountId: AccountId,
  secret: Buffer = randomBytes(SECRET_BYTES),
): { key: string; keyId: KeyId; secretHash: string } {
  const key = formatApiKey(accountId, secret.toString('base64url'));
  const secretHash = hashApiKey(key);
  return { key, keyId: keyIdOfHash(secretHash), secretHash };
}

export const newAccountId = (id: Buffer = randomBytes(ACCOUNT_ID_BYTES)): AccountId => id.toString('hex');
