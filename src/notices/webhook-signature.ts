import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Signatures as Standard Webhooks has them (standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body` with the bytes of a shared
 * secret, `whsec_` and their base64. Receivers have libraries for it.
 */
const SECRET = /^whsec_([A-Za-z0-9+/]{32,88}={0,2})$/;
const VERSION = 'v1';

/** @returns the bytes of a secret; undefined where it is none, or shorter than 24 bytes */
export function readSecret(text: string): Buffer | undefined {
  const base64 = SECRET.exec(text)?.[1];
  const bytes = base64 === undefined ? undefined : Buffer.from(base64, 'base64');
  return bytes !== undefined && bytes.length >= 24 && bytes.length <= 64 ? bytes : undefined;
}

/** @param timestamp seconds since the epoch, of the attempt: a receiver refuses what is old */
export function signWebhook(secret: Buffer, id: string, timestamp: number, body: string): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': `${timestamp}`,
    'webhook-signature': `${VERSION},${digest(secret, id, timestamp, body)}`,
  };
}

/** Whether a signature fits; for who receives, and for tests. */
export function verifyWebhook(secret: Buffer, id: string, timestamp: number, body: string, signature: string): boolean {
  const expected = Buffer.from(`${VERSION},${digest(secret, id, timestamp, body)}`);
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

const digest = (secret: Buffer, id: string, timestamp: number, body: string): string =>
  createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
