import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiError } from './api-error.js';
import { Authenticator, type Principal, presentedKey } from './authentication.js';
import { inferenceNotAllowed, managementOnly } from './permissions.js';

const AUTHENTICATION_FAILED = { metadata: { error_type: 'authentication' } };

/** Lets in whoever presents a valid API key and puts the principal on the request. */
@Injectable()
export class AuthenticationGuard implements CanActivate {
  constructor(private readonly authenticator: Authenticator) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    await authenticateRequest(this.authenticator, context.switchToHttp().getRequest<FastifyRequest>());
    return true;
  }
}

/** Authenticates a request or throws the 401 of the documentation. */
export async function authenticateRequest(authenticator: Authenticator, request: FastifyRequest): Promise<Principal> {
  const key = presentedKey(request);
  const principal = key === undefined ? undefined : await authenticator.authenticate(key);
  if (!principal) {
    const message =
      key === undefined ? 'Missing API key: send it as "Authorization: Bearer <key>" or "X-API-Key: <key>"' : 'Invalid API key';
    throw new ApiError(401, 'invalid_api_key', message, AUTHENTICATION_FAILED);
  }
  request.principal = principal;
  return principal;
}

/** Lets in whoever presents a valid management key and puts the principal on the request; 403 for any other key. */
@Injectable()
export class ManagementGuard implements CanActivate {
  constructor(private readonly authenticator: Authenticator) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    requireManagement(await authenticateRequest(this.authenticator, context.switchToHttp().getRequest<FastifyRequest>()));
    return true;
  }
}

/** Throws the 403 of a key that does not spend. To be asked by whatever calls a model, before it reserves. */
export function requireInference({ kind }: Principal): void {
  if (kind !== 'inference') throw inferenceNotAllowed();
}

/** Throws the 403 of a key that does not manage. */
export function requireManagement({ kind }: Principal): void {
  if (kind !== 'management') throw managementOnly();
}

/** The principal of a request that a guard has let in. */
export function principalOf({ principal }: FastifyRequest): Principal {
  if (!principal) throw new Error('the route is not guarded by authentication');
  return principal;
}
