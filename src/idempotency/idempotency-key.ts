import type { FastifyRequest } from 'fastify';
import { ApiError } from '../http/api-error.js';

const NAME = 'Idempotency-Key';
const VISIBLE_ASCII = /^[\x21-\x7e]{1,255}$/;

/**
 * The name that a client gave its request, so that a repeat of it has no second effect; undefined where it gave none.
 * Throws the 400 that names the header where it is no 1 to 255 visible ASCII characters.
 */
export function idempotencyKeyOf({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && VISIBLE_ASCII.test(key)) return key;
  throw new ApiError(400, 'invalid_request', `"${NAME}": must be 1 to 255 visible ASCII characters, and sent once`, {
    param: NAME,
    metadata: { error_type: 'invalid_request' },
  });
}
