import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiError } from './api-error.js';
import { Authenticator, type Principal, presentedKey } from './authentication.js';

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
