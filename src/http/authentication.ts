import type { FastifyRequest } from 'fastify';
import { KEY_PREFIX } from '../kernel/ids.js';

/** Who calls: the account that pays and the key that it calls with, as the account's own stream says. */
export interface Principal {
  readonly accountId: string;
  readonly keyId: string;
  /** inference: may spend credits. management: manages the account's keys and reads its figures, and may not. */
  readonly kind: 'inference' | 'management';
  readonly tier: string;
  readonly username: string;
  /** Position in `$all` of the last event of the account known here: a read that is at least this fresh shows own writes. */
  readonly position: bigint;
}

/** Checks a presented key against the state of the account that it names. Bound where both sides meet. */
export abstract class Authenticator {
  /** @returns the principal; undefined where the key is unknown, revoked or expired */
  abstract authenticate(apiKey: string): Promise<Principal | undefined>;
}

declare module 'fastify' {
  interface FastifyRequest {
    principal?: Principal;
  }
}

const BEARER = /^Bearer +(\S+) *$/i;

/** The key that a request presents: `Authorization: Bearer` or `X-API-Key`. */
export function presentedKey(request: FastifyRequest): string | undefined {
  const bearer = BEARER.exec(request.headers.authorization ?? '')?.[1];
  const header = request.headers['x-api-key'];
  // A client that insists on a bearer of its own can still send the key beside it.
  if (typeof header === 'string' && header !== '' && !bearer?.startsWith(KEY_PREFIX)) return header;
  return bearer;
}
