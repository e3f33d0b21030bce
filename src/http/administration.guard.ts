import { createHash, timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiError } from './api-error.js';
import { presentedKey } from './authentication.js';

/** The bearer token of the administration API; bound from the configuration. */
export class AdministrationToken {
  private readonly digest: Buffer;

  constructor(token: string) {
    this.digest = digestOf(token);
  }

  /** Compares in constant time, whatever the lengths. */
  matches(presented: string): boolean {
    return timingSafeEqual(this.digest, digestOf(presented));
  }
}

/** Lets in whoever presents the administration token. */
@Injectable()
export class AdministrationGuard implements CanActivate {
  constructor(private readonly token: AdministrationToken) {}

  canActivate(context: ExecutionContext): boolean {
    const presented = presentedKey(context.switchToHttp().getRequest<FastifyRequest>());
    if (presented === undefined || !this.token.matches(presented)) {
      throw new ApiError(401, 'invalid_api_key', 'The administration API needs "Authorization: Bearer <ADMIN_TOKEN>"', {
        metadata: { error_type: 'authentication' },
      });
    }
    return true;
  }
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
