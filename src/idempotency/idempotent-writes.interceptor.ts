import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { lastValueFrom, type Observable, of } from 'rxjs';
import { z } from 'zod';
import { presentedKey } from '../http/authentication.js';
import { parse } from '../http/validation.js';
import { idempotencyKeyOf } from './idempotency-key.js';
import { IdempotentRequests } from './idempotent-requests.js';
import { administrationScope, contentOf, JSON_TYPE, prepareReplay } from './named-requests.js';

/**
 * Writes of the administration API that carry an Idempotency-Key run once, and answer a repeat as they answered before. Without
 * the header nothing is looked up. Stands behind the guard: whoever may not ask learns nothing of what was asked.
 */
@Injectable()
export class IdempotentWrites implements NestInterceptor {
  constructor(private readonly requests: IdempotentRequests) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const key = READS.has(request.method) ? undefined : idempotencyKeyOf(request);
    if (key === undefined) return next.handle();

    // Nobody has looked at the body yet, and it is walked here: not deeper than any request may be.
    parse(z.unknown(), request.body);
    const credential = presentedKey(request) as string;
    const named = { scope: administrationScope(credential), key, credential, content: contentOf(request, request.body) };
    const claimed = await this.requests.claim(named);
    const reply = http.getResponse<FastifyReply>();
    if ('answer' in claimed) return of(prepareReplay(reply, claimed.answer));

    const { claim } = claimed;
    try {
      const value: unknown = await lastValueFrom(next.handle(), { defaultValue: undefined });
      const body = value === undefined ? '' : JSON.stringify(value);
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
