import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { lastValueFrom, type Observable, of, tap } from 'rxjs';
import { z } from 'zod';
import { presentedKey } from '../http/authentication.js';
import { statePositionOf } from '../http/ledger-position.js';
import { parse } from '../http/validation.js';
import { idempotencyKeyOf } from './idempotency-key.js';
import { IdempotentRequests } from './idempotent-requests.js';
import { administrationScope, contentOf, JSON_TYPE, prepareReplay } from './named-requests.js';

/**
 * Writes of the administration API that carry an Idempotency-Key run once, and answer a repeat as they answered before. Without
 * the header nothing is looked up. Stands behind the guard: whoever may not ask learns nothing of what was asked. The answer of a
 * write states its position in a header too.
 */
@Injectable()
export class IdempotentWrites implements NestInterceptor {
  constructor(private readonly requests: IdempotentRequests) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    if (READS.has(request.method)) return next.handle();
    const reply = http.getResponse<FastifyReply>();
    const key = idempotencyKeyOf(request);
    if (key === undefined) return next.handle().pipe(tap((value) => statePositionOf(reply, value)));

    // Nobody has looked at the body yet, and it is walked here: not deeper than any request may be.
    parse(z.unknown(), request.body);
    const credential = presentedKey(request) as string;
    const named = { scope: administrationScope(credential), key, credential, content: contentOf(request, request.body) };
    const claimed = await this.requests.claim(named);
    if ('answer' in claimed) {
      statePositionOf(reply, claimed.answer.body);
      return of(prepareReplay(reply, claimed.answer));
    }

    const { claim } = claimed;
    try {
      const value: unknown = await lastValueFrom(next.handle(), { defaultValue: undefined });
      const body = value === undefined ? '' : JSON.stringify(value);
      statePositionOf(reply, value);
      await claim.keep({ status: reply.statusCode, contentType: JSON_TYPE, body });
      return of(value);
    } catch (error) {
      // Refused, or of unknown effect: run again it names the same things, so the ledger takes it for the same.
      await claim.free();
      throw error;
    }
  }
}

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);
