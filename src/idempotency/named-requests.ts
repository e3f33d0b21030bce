import { createHash, createHmac } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { canonicalJson } from '../event-store/canonical-json.js';
import { type Principal, presentedKey } from '../http/authentication.js';
import { idempotencyKeyOf } from './idempotency-key.js';
import type { KeptAnswer } from './request-secrets.js';

export const JSON_TYPE = 'application/json; charset=utf-8';
export const STREAM_TYPE = 'text/event-stream; charset=utf-8';

/** Idempotency keys belong to one API key. */
export const principalScope = ({ accountId, keyId }: Principal): string => `key/${accountId}/${keyId}`;
/** … or to one administration token. */
export const administrationScope = (token: string): string =>
  `administration/${createHash('sha256').update(token).digest('hex')}`;

/** What a repeat must be equal in: method, path with query, and the body in canonical JSON. */
export const contentOf = ({ method, url }: Pick<FastifyRequest, 'method' | 'url'>, body: unknown): string =>
  `${method} ${url}\n${body === undefined ? '' : canonicalJson(body)}`;

/** Puts status and headers of a kept answer on the reply. @returns the body to send */
export function prepareReplay(reply: FastifyReply, { status, contentType, generationId, body }: KeptAnswer): string {
  void reply.status(status).header('content-type', contentType).header('idempotent-replayed', 'true');
  if (generationId !== undefined) void reply.header('x-generation-id', generationId);
  if (contentType === STREAM_TYPE) {
    void reply.header('cache-control', 'no-cache, no-transform').header('x-accel-buffering', 'no');
  }
  return body;
}

/**
 * Bytes that are always the same for one named request of the administration: names for what its caller has not named. Run
 * twice, because the process died between the effect and the answer, it names the same account or key and has one effect.
 * HMAC-SHA-256 under the presented token, at most 32 bytes.
 * @returns undefined where the request carries no Idempotency-Key
 */
export function bytesOfNamedRequest(request: FastifyRequest, purpose: string, length: number): Buffer | undefined {
  const key = idempotencyKeyOf(request);
  if (key === undefined) return undefined;
  const named = `${purpose}\0${key}\0${contentOf(request, request.body)}`;
  return createHmac('sha256', presentedKey(request) as string)
    .update(named)
    .digest()
    .subarray(0, length);
}
