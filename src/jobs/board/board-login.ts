import type { FastifyRequest } from 'fastify';
import type { AdministrationToken } from '../../http/administration.guard.js';
import { presentedKey } from '../../http/authentication.js';

const BASIC = /^Basic +([A-Za-z0-9+/=_-]+) *$/i;

/** Who presents the administration token as a bearer, or as the password of any user, which is what a browser can ask for. */
export function isAdministrator(request: FastifyRequest, token: AdministrationToken): boolean {
  const presented = passwordOf(request) ?? presentedKey(request);
  return presented !== undefined && token.matches(presented);
}

/**
 * Whether a request that changes something was made by the board's own pages, or by no browser at all. A browser sends a password
 * along with whatever page asks, and says which page that is; a bearer token it never sends by itself.
 */
export function isFromOurPages(request: FastifyRequest): boolean {
  const { 'sec-fetch-site': site, origin, host } = request.headers;
  if (site !== undefined) return site === 'same-origin';
  if (origin !== undefined) return hostOf(origin) === host;
  return passwordOf(request) === undefined;
}

function passwordOf(request: FastifyRequest): string | undefined {
  const encoded = BASIC.exec(request.headers.authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : text.slice(colon + 1);
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}
